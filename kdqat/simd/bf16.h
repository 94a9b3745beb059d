#pragma once

#include <bit>
#include <cstdint>

namespace kdqat::simd {

/// The bits of finite float32, one or a vector of them, with the upper half rounded to bfloat16, half to
/// even; what is in the lower half is to be ignored.
template <typename Words>
__attribute__((always_inline)) inline Words rounded_upper_half(const Words& bits) {
  return bits + 0x7FFF + (bits >> 16 & 1);
}

/// The bits of a finite float32 rounded to bfloat16, half to even.
inline std::uint16_t bf16_bits(float value) {
  return static_cast<std::uint16_t>(rounded_upper_half(std::bit_cast<std::uint32_t>(value)) >> 16);
}

/// Rounds float32 to bfloat16, half to even; out holds count 16-bit words. Finite input.
void convert_to_bf16(const float* values, std::int64_t count, std::uint16_t* out);

}  // namespace kdqat::simd
