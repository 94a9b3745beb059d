#include "kdqat/simd/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "kdqat/base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace kdqat::simd {
namespace {

constexpr const char* kVariable = "KDQAT_INSTRUCTION_SET";

#if defined(__x86_64__)
bool has_avx512_vnni() {
  return __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512vnni") != 0;
}

/// Tiles are 8 KiB of registers, which Linux keeps for a process only once it has asked (Linux,
/// Documentation/arch/x86/xstate.rst).
bool system_keeps_tiles() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023;
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

bool has_amx() {
  constexpr unsigned kTilesOfBf16 = 1U << 22U;
  constexpr unsigned kTiles = 1U << 24U;
  constexpr unsigned kTilesOfBytes = 1U << 25U;
  constexpr unsigned kAll = kTilesOfBf16 | kTiles | kTilesOfBytes;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return has_avx512_vnni() && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAll) == kAll &&
         system_keeps_tiles();
}
#endif

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
    case InstructionSet::kAmx:
      return "amx";
    case InstructionSet::kNeon:
      return "neon";
  }
  throw base::InvalidArgument("unknown instruction set");
}

bool is_available(InstructionSet set) {
  switch (set) {
    case InstructionSet::kScalar:
      return true;
#if defined(__x86_64__)
    case InstructionSet::kAvx2:
      return __builtin_cpu_supports("avx2") != 0;
    case InstructionSet::kAvx512Vnni:
      return has_avx512_vnni();
    case InstructionSet::kAmx: {
      static const bool result = has_amx();
      return result;
    }
#elif defined(__aarch64__)
    case InstructionSet::kNeon:
      return true;
#endif
    default:
      return false;
  }
}

std::vector<InstructionSet> available_instruction_sets() {
  std::vector<InstructionSet> result;
  for (const InstructionSet set :
       {InstructionSet::kScalar, InstructionSet::kAvx2, InstructionSet::kAvx512Vnni, InstructionSet::kAmx,
        InstructionSet::kNeon}) {
    if (is_available(set)) result.push_back(set);
  }
  return result;
}

InstructionSet default_instruction_set() {
  static const InstructionSet set = choose();
  return set;
}

bool has_bf16_products() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0 || is_available(InstructionSet::kAmx);
#else
  return false;
#endif
}

bool bf16_products_are_faster() {
#if defined(__x86_64__)
  return has_bf16_products() &&
         (default_instruction_set() == InstructionSet::kAmx || __builtin_cpu_is("amd") != 0);
#else
  return false;
#endif
}

}  // namespace kdqat::simd
