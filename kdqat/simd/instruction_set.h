#pragma once

#include <string_view>
#include <vector>

namespace kdqat::simd {

/// Ways to multiply codes (multiply_panels): all give the same integers, a processor has some of them. AMX
/// also multiplies bfloat16 (multiply_bf16_panels), where the other sets use AVX-512 if the processor can.
enum class InstructionSet {
  kScalar,      ///< plain C++, the specification
  kAvx2,        ///< x86-64-v3
  kAvx512Vnni,  ///< AVX-512 with sums of four products of bytes in one instruction
  kAmx,         ///< kAvx512Vnni, and products of tiles of bytes and of bfloat16
  kNeon,        ///< AArch64
};

/// "scalar", "avx2", "avx512-vnni", "amx", "neon".
std::string_view name_of(InstructionSet set);

/// Whether this processor can run it.
bool is_available(InstructionSet set);

/// What this processor can run, the fastest last.
std::vector<InstructionSet> available_instruction_sets();

/// What products use: the set that the environment variable KDQAT_INSTRUCTION_SET names, else the fastest.
/// Read once. Throws InvalidArgument where the variable names a set that does not exist or is not here.
InstructionSet default_instruction_set();

/// Whether this processor multiplies bfloat16: AVX512_BF16 or AMX.
bool has_bf16_products();

/// Whether those products are faster than those of float32: with AMX, unless default_instruction_set() is
/// another, and on AMD's processors. Intel's AVX512_BF16 is slower.
bool bf16_products_are_faster();

}  // namespace kdqat::simd
