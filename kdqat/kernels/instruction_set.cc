#include "kdqat/kernels/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "kdqat/base/error.h"

namespace kdqat::kernels {
namespace {

constexpr const char* kVariable = "KDQAT_INSTRUCTION_SET";

InstructionSet choose() {
  const std::vector<InstructionSet> available = available_instruction_sets();
  const char* wanted = std::getenv(kVariable);
  if (wanted == nullptr || *wanted == '\0') return available.back();
  std::string names;
  for (const InstructionSet set : available) {
    if (name_of(set) == wanted) return set;
    names.append(names.empty() ? "" : ", ").append(name_of(set));
  }
  throw base::InvalidArgument(
      base::concat(kVariable, ": expected one of ", names, " on this processor, found '", wanted, "'"));
}

}  // namespace

std::string_view name_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::kScalar:
      return "scalar";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kAvx512Vnni:
      return "avx512-vnni";
    case InstructionSet::kNeon:
      return "neon";
  }
  throw base::InvalidArgument("unknown instruction set");
}

std::vector<InstructionSet> available_instruction_sets() {
  std::vector<InstructionSet> result = {InstructionSet::kScalar};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) result.push_back(InstructionSet::kAvx2);
  if (__builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
      __builtin_cpu_supports("avx512vnni") != 0) {
    result.push_back(InstructionSet::kAvx512Vnni);
  }
#elif defined(__aarch64__)
  result.push_back(InstructionSet::kNeon);
#endif
  return result;
}

InstructionSet default_instruction_set() {
  static const InstructionSet set = choose();
  return set;
}

}  // namespace kdqat::kernels
