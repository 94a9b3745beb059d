#include "kdqat/kernels/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "kdqat/base/error.h"

namespace kdqat::kernels {
namespace {

constexpr const char* kVariable = "KDQAT_INSTRUCTION_SET";

bool is_available(InstructionSet set) {
  switch (set) {
    case InstructionSet::kScalar:
      return true;
#if defined(__x86_64__)
    case InstructionSet::kAvx2:
      return __builtin_cpu_supports("avx2") != 0;
    case InstructionSet::kAvx512Vnni:
      return __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
             __builtin_cpu_supports("avx512vnni") != 0;
#elif defined(__aarch64__)
    case InstructionSet::kNeon:
      return true;
#endif
    default:
      return false;
  }
}

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
  std::vector<InstructionSet> result;
  for (const InstructionSet set :
       {InstructionSet::kScalar, InstructionSet::kAvx2, InstructionSet::kAvx512Vnni, InstructionSet::kNeon}) {
    if (is_available(set)) result.push_back(set);
  }
  return result;
}

InstructionSet default_instruction_set() {
  static const InstructionSet set = choose();
  return set;
}

}  // namespace kdqat::kernels
