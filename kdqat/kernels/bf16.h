#pragma once

#include <bit>
#include <cstdint>

namespace kdqat::kernels {

/// The bits of a finite float32 rounded to bfloat16, half to even.
inline std::uint16_t bf16_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

}  // namespace kdqat::kernels
