#include "kdqat/simd/vector_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "tests/simd/random_values.h"

namespace kdqat::simd {
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

TEST(ExpNonpositiveTest, NaNStaysNaN) {
  EXPECT_TRUE(std::isnan(exp_nonpositive(std::numeric_limits<float>::quiet_NaN())));
}

TEST(LogPositiveTest, IsWithinTwoUnitsInTheLastPlaceOr1e7OverAllNormalNumbers) {
  // About two million floats: all exponents, and mantissas without a pattern.
  const auto last = std::bit_cast<std::uint32_t>(std::numeric_limits<float>::max());
  double worst = 0.0;
  for (auto bits = std::bit_cast<std::uint32_t>(std::numeric_limits<float>::min()); bits <= last;
       bits += 1009) {
    const auto x = std::bit_cast<float>(bits);
    const double exact = std::log(static_cast<double>(x));
    const auto nearest = static_cast<float>(exact);
    const double unit =
        std::fabs(static_cast<double>(nearest) - static_cast<double>(std::nextafter(nearest, 0.0F)));
    const double error = std::fabs(static_cast<double>(log_positive(x)) - exact);
    worst = std::max(worst, error / std::max(2.0 * unit, 1e-7));
  }
  EXPECT_LE(worst, 1.0);
}

TEST(LogPositiveTest, IsExactAtOneAndRightAtTheEndsOfTheNormalNumbers) {
  EXPECT_EQ(log_positive(1.0F), 0.0F);
  EXPECT_FLOAT_EQ(log_positive(std::numeric_limits<float>::min()), -87.336545F);
  EXPECT_FLOAT_EQ(log_positive(std::numeric_limits<float>::max()), 88.722839F);
  EXPECT_FLOAT_EQ(log_positive(1e-8F), -18.420681F);
}

TEST(LogPositiveTest, IsWithinItsBoundWhereTheExponentChanges) {
  // Around sqrt(1/2), 1 and sqrt(2), float by float.
  for (const float centre : {0.70710678F, 1.0F, 1.41421356F}) {
    float x = centre;
    for (int i = 0; i < 1000; ++i) x = std::nextafter(x, 0.0F);
    for (int i = 0; i < 2000; ++i, x = std::nextafter(x, 2.0F)) {
      ASSERT_NEAR(static_cast<double>(log_positive(x)), std::log(static_cast<double>(x)), 1e-7) << x;
    }
  }
}

double exact_distribution(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

/// body(x) for about two million floats of both signs, zeros and infinity among them.
template <typename Body>
void for_floats(const Body& body) {
  const auto last = std::bit_cast<std::uint32_t>(kInfinity);
  for (std::uint32_t bits = 0; bits <= last; bits += 2017) {
    body(std::bit_cast<float>(bits));
    body(-std::bit_cast<float>(bits));
  }
  body(kInfinity);
  body(-kInfinity);
}

TEST(NormalDistributionTest, IsWithin3e7OverAllMagnitudes) {
  double worst = 0.0;
  for_floats([&](float x) {
    worst = std::max(worst, std::fabs(static_cast<double>(normal_distribution(x)) -
                                      exact_distribution(static_cast<double>(x))));
  });
  EXPECT_LE(worst, 3e-7);
}

TEST(NormalDistributionTest, TheLowerTailKeepsItsRelativePrecision) {
  // Down to where the exponential leaves the normal numbers.
  for (float x = -12.5F; x < 0.0F; x += 1e-4F) {
    const double exact = exact_distribution(static_cast<double>(x));
    const double square = 0.5 * static_cast<double>(x) * static_cast<double>(x);
    // The fit errs by 1.2e-7. z is rounded, and its constant, which its square doubles (three roundings of
    // z^2), and so is the exponent, once (z^2 and up to 1.3); e^x errs by four roundings, the polynomial, t
    // and the products by less than ten.
    ASSERT_NEAR(static_cast<double>(normal_distribution(x)), exact,
                (1.2e-7 + (4.0 * square + 16.0) * kRounding) * exact)
        << x;
  }
}

TEST(NormalDistributionTest, IsAProbabilityAndThatOfTheOtherSideIsTheRest) {
  for_floats([](float x) {
    const float upper = normal_distribution(std::fabs(x));
    const float lower = normal_distribution(-std::fabs(x));
    ASSERT_LE(upper, 1.0F) << x;
    ASSERT_GE(lower, 0.0F) << x;
    ASSERT_TRUE(x == 0.0F || upper == 1.0F - lower) << x;
  });
}

/// The largest error of `function` in units of the last place over floats of all magnitudes from 2^-126 to
/// `last`, of both signs.
template <typename Function, typename Exact>
double worst_error_in_units(float last, const Function& function, const Exact& exact) {
  double worst = 0.0;
  for (auto bits = std::bit_cast<std::uint32_t>(std::numeric_limits<float>::min());
       bits <= std::bit_cast<std::uint32_t>(last); bits += 1009) {
    for (const float x : {std::bit_cast<float>(bits), -std::bit_cast<float>(bits)}) {
      const double value = exact(static_cast<double>(x));
      const auto nearest = std::fabs(static_cast<float>(value));
      const double unit = static_cast<double>(nearest) - static_cast<double>(std::nextafter(nearest, 0.0F));
      worst = std::max(worst, std::fabs(static_cast<double>(function(x)) - value) / unit);
    }
  }
  return worst;
}

TEST(SigmoidTest, BothPartsAreWithinFourUnitsInTheLastPlace) {
  const auto exact = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  EXPECT_LT(worst_error_in_units(
                87.3F, [](float x) { return sigmoid(x).value; }, exact),
            4.0);
  EXPECT_LT(worst_error_in_units(
                87.3F, [](float x) { return sigmoid(x).complement; }, [&](double x) { return exact(-x); }),
            4.0);
}

TEST(HyperbolicTangentTest, IsWithinFourUnitsInTheLastPlace) {
  EXPECT_LT(worst_error_in_units(20.0F, hyperbolic_tangent, [](double x) { return std::tanh(x); }), 4.0);
}

TEST(HyperbolicTangentTest, KeepsTheSignOfZeroAndEndsAtOne) {
  EXPECT_TRUE(std::signbit(hyperbolic_tangent(-0.0F)));
  EXPECT_EQ(hyperbolic_tangent(1e30F), 1.0F);
  EXPECT_EQ(hyperbolic_tangent(-kInfinity), -1.0F);
  EXPECT_TRUE(std::isnan(hyperbolic_tangent(std::numeric_limits<float>::quiet_NaN())));
}

}  // namespace
}  // namespace kdqat::simd
