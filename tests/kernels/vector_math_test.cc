#include "kdqat/kernels/vector_math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace kdqat::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(ExpNonpositiveTest, IsWithinTwoUnitsInTheLastPlace) {
  // About a million floats from -0 down to -87.3: all exponents, and mantissas without a pattern.
  const auto last = std::bit_cast<std::uint32_t>(-87.3F);
  double worst = 0.0;
  for (std::uint32_t bits = std::bit_cast<std::uint32_t>(-0.0F); bits <= last; bits += 1009) {
    const auto x = std::bit_cast<float>(bits);
    const double exact = std::exp(static_cast<double>(x));
    const auto nearest = static_cast<float>(exact);
    const double unit = static_cast<double>(nearest) - static_cast<double>(std::nextafter(nearest, 0.0F));
    worst = std::max(worst, std::fabs(static_cast<double>(exp_nonpositive(x)) - exact) / unit);
  }
  EXPECT_LT(worst, 2.0);
}

TEST(ExpNonpositiveTest, IsExactAtZeroAndNeverAboveOne) {
  EXPECT_EQ(exp_nonpositive(0.0F), 1.0F);
  EXPECT_EQ(exp_nonpositive(-0.0F), 1.0F);
  EXPECT_EQ(exp_nonpositive(-1e-40F), 1.0F);
  for (float x = -0.0F; x > -1e-3F; x = std::nextafter(x, -kInfinity) - 1e-8F)
    EXPECT_LE(exp_nonpositive(x), 1.0F);
}

TEST(ExpNonpositiveTest, IsZeroWhereTheNormalNumbersEnd) {
  EXPECT_GE(exp_nonpositive(-87.3F), std::numeric_limits<float>::min());
  EXPECT_EQ(exp_nonpositive(std::nextafter(-87.3F, -kInfinity)), 0.0F);
  EXPECT_EQ(exp_nonpositive(-1e30F), 0.0F);
  EXPECT_EQ(exp_nonpositive(-kInfinity), 0.0F);
}

}  // namespace
}  // namespace kdqat::kernels
