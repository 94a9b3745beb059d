#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace kdqat::simd {

/// Functions without a branch or a call, so that loops over them become vector code. std::fma is one
/// instruction where the processor has it, and one rounding everywhere: the same bits on every instruction
/// set.

/// e^x for x <= 0, to 2 units in the last place; below -87.3, where e^x leaves the normal numbers, 0.
/// x = k ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor polynomial of degree 7 (remainder below 2^-26).
inline float exp_nonpositive(float x) {
  constexpr float kShift = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float bounded = x < -87.3F ? -87.3F : x;
  const float shifted = std::fma(bounded, 1.44269504F, kShift);
  const float k = shifted - kShift;
  const float r = std::fma(k, 2.12194440e-4F, std::fma(k, -0.693359375F, bounded));
  float e = std::fma(1.0F / 5040.0F, r, 1.0F / 720.0F);
  e = std::fma(e, r, 1.0F / 120.0F);
  e = std::fma(e, r, 1.0F / 24.0F);
  e = std::fma(e, r, 1.0F / 6.0F);
  e = std::fma(e, r, 0.5F);
  e = std::fma(e, r, 1.0F);
  e = std::fma(e, r, 1.0F);
  // The lowest bits of `shifted` are those of k. Taken as they are, NaN needs no conversion and stays NaN.
  const float power = std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) + 127U) << 23U);
  return x < -87.3F ? 0.0F : e * power;
}

/// ln x for normal x > 0, to 2 units in the last place of the result or 1e-7. x = 2^k m with sqrt(1/2) <= m <
/// sqrt(2); the polynomial of ln m is that of Cephes (Moshier, 1989).
inline float log_positive(float x) {
  const auto bits = std::bit_cast<std::int32_t>(x);
  const std::int32_t exponent = (bits - 0x3F3504F3) >> 23;  // 0x3F3504F3: sqrt(1/2)
  const float f = std::bit_cast<float>(bits - (exponent << 23)) - 1.0F;
  const auto k = static_cast<float>(exponent);
  const float square = f * f;
  float p = std::fma(7.0376836292e-2F, f, -1.1514610310e-1F);
  p = std::fma(p, f, 1.1676998740e-1F);
  p = std::fma(p, f, -1.2420140846e-1F);
  p = std::fma(p, f, 1.4249322787e-1F);
  p = std::fma(p, f, -1.6668057665e-1F);
  p = std::fma(p, f, 2.0000714765e-1F);
  p = std::fma(p, f, -2.4999993993e-1F);
  p = std::fma(p, f, 3.3333331174e-1F);
  p = std::fma(f * square, p, k * -2.12194440e-4F);
  p = std::fma(square, -0.5F, p);
  return std::fma(k, 0.693359375F, f + p);
}

/// Phi(x), the normal distribution function: erfc(|x| / sqrt(2)) / 2 with the rational Chebyshev fit of erfc
/// in Numerical Recipes (Press et al., 1992, erfcc), whose relative error is below 1.2e-7 everywhere.
inline float normal_distribution(float x) {
  const float z = std::fabs(x) * 0.707106781F;
  const float t = 1.0F / std::fma(z, 0.5F, 1.0F);
  float p = std::fma(t, 0.17087277F, -0.82215223F);
  p = std::fma(p, t, 1.48851587F);
  p = std::fma(p, t, -1.13520398F);
  p = std::fma(p, t, 0.27886807F);
  p = std::fma(p, t, -0.18628806F);
  p = std::fma(p, t, 0.09678418F);
  p = std::fma(p, t, 0.37409196F);
  p = std::fma(p, t, 1.00002368F);
  p = std::fma(p, t, -1.26551223F);
  const float upper_tail = 0.5F * t * exp_nonpositive(std::fma(-z, z, p));
  return x < 0.0F ? upper_tail : 1.0F - upper_tail;
}

/// sigmoid(x) = 1 / (1 + e^-x) and 1 - sigmoid(x), which would cancel if it were computed from the first.
struct Sigmoid {
  float value;
  float complement;
};

/// Both to 4 units in the last place where they are normal numbers.
inline Sigmoid sigmoid(float x) {
  const float e = exp_nonpositive(-std::fabs(x));
  const float larger = 1.0F / (1.0F + e);
  const float smaller = e * larger;
  return x < 0.0F ? Sigmoid{.value = smaller, .complement = larger}
                  : Sigmoid{.value = larger, .complement = smaller};
}

/// tanh(x), to 4 units in the last place. Near 0 the polynomial of Cephes (Moshier, 1989), elsewhere 1 - 2 e
/// / (1 + e) with e = e^(-2 |x|).
inline float hyperbolic_tangent(float x) {
  const float magnitude = std::fabs(x);
  const float e = exp_nonpositive(-2.0F * magnitude);
  const float far = 1.0F - 2.0F * e / (1.0F + e);
  const float square = magnitude * magnitude;
  float p = std::fma(-5.70498872745e-3F, square, 2.06390887954e-2F);
  p = std::fma(p, square, -5.37397155531e-2F);
  p = std::fma(p, square, 1.33314422036e-1F);
  p = std::fma(p, square, -3.33332819422e-1F);
  const float near = std::fma(p * square, magnitude, magnitude);
  return std::copysign(magnitude < 0.625F ? near : far, x);
}

}  // namespace kdqat::simd
