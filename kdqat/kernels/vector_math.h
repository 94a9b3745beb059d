#pragma once

#include <bit>
#include <cstdint>

namespace kdqat::kernels {

/// e^x for x <= 0, to 2 units in the last place; below -87.3, where e^x leaves the normal numbers, 0. No
/// branch and no call, so that loops over it become vector code with the same bits on every instruction set.
/// x = k ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor polynomial of degree 7 (remainder below 2^-26).
inline float exp_nonpositive(float x) {
  constexpr float kShift = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float bounded = x < -87.3F ? -87.3F : x;
  const float k = (bounded * 1.44269504F + kShift) - kShift;
  const float r = (bounded - k * 0.693359375F) - k * -2.12194440e-4F;
  float e = 1.0F / 5040.0F;
  e = e * r + 1.0F / 720.0F;
  e = e * r + 1.0F / 120.0F;
  e = e * r + 1.0F / 24.0F;
  e = e * r + 1.0F / 6.0F;
  e = e * r + 0.5F;
  e = e * r + 1.0F;
  e = e * r + 1.0F;
  const float power = std::bit_cast<float>((static_cast<std::int32_t>(k) + 127) << 23);
  return x < -87.3F ? 0.0F : e * power;
}

}  // namespace kdqat::kernels
