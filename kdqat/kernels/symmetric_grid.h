#pragma once

namespace kdqat::kernels {

/// Half to even for |x| < 2^22: the sum leaves no bit for a fraction.
inline float round_half_even(float x) {
  constexpr float kShift = 12582912.0F;  // 1.5 * 2^23
  return (x + kShift) - kShift;
}

/// What 127 / maximum would overflow below, and a step of the uniform grid underflow.
inline constexpr float kSmallestRange = 1e-36F;

/// How the magnitudes up to `maximum` become codes of 8 bits, and back.
struct SymmetricGrid {
  float multiplier = 0.0F;
  float scale = 0.0F;
};

inline SymmetricGrid symmetric_grid(float maximum) {
  if (maximum < kSmallestRange) return {};
  return {.multiplier = 127.0F / maximum, .scale = maximum / 127.0F};
}

}  // namespace kdqat::kernels
