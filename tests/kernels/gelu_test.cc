#include "kdqat/kernels/gelu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Phi(x) and phi(x), the normal distribution and its density.
double distribution(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double density(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi); }

std::vector<float> forward(const std::vector<float>& x) {
  std::vector<float> out(x.size(), std::numeric_limits<float>::quiet_NaN());
  gelu_forward(x.data(), static_cast<std::int64_t>(x.size()), out.data());
  return out;
}

std::vector<float> backward(const std::vector<float>& x, float clip, std::vector<float> gradient) {
  gelu_backward(x.data(), static_cast<std::int64_t>(x.size()), clip, gradient.data());
  return gradient;
}

/// Every size up to 67, a large one, and values from 0 to where nothing is left of the tails.
template <typename Body>
void for_values(const Body& body) {
  for (std::int64_t size = 1; size <= 67; ++size) body(random_values(static_cast<std::uint64_t>(size), size));
  body(random_values(1, 100003, -15.0, 15.0));
  body(random_values(2, 10007, -1e-3, 1e-3));
}

TEST(GeluTest, ForwardIsXTimesTheNormalDistribution) {
  for_values([](const std::vector<float>& x) {
    const std::vector<float> out = forward(x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto value = static_cast<double>(x[i]);
      // The header's bound.
      ASSERT_NEAR(static_cast<double>(out[i]), value * distribution(value), 3e-7 * std::fabs(value)) << value;
    }
  });
}

TEST(GeluTest, ForwardInPlaceGivesTheSame) {
  const std::vector<float> x = random_values(1, 20011);
  std::vector<float> in_place = x;
  gelu_forward(in_place.data(), static_cast<std::int64_t>(x.size()), in_place.data());
  EXPECT_EQ(in_place, forward(x));
}

TEST(GeluTest, BackwardIsTheDerivativeTimesWhatArrives) {
  for_values([](const std::vector<float>& x) {
    const std::vector<float> arriving = random_values(7, static_cast<std::int64_t>(x.size()));
    const std::vector<float> gradient = backward(x, kInfinity, arriving);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto value = static_cast<double>(x[i]);
      const auto factor = static_cast<double>(arriving[i]);
      const double slope = distribution(value) + value * density(value);
      // Phi errs by 3e-7 at most. The exponent of phi is rounded once, e^x errs by two units (four
      // roundings); its constant and two products round. Then the sum and the product with what arrives
      // round.
      const double of_density = (0.5 * value * value + 7.0) * kRounding * std::fabs(value) * density(value);
      const double tolerance = 3e-7 + of_density + 2.001 * kRounding * std::fabs(slope);
      ASSERT_NEAR(static_cast<double>(gradient[i]), factor * slope, tolerance * std::fabs(factor)) << value;
    }
  });
}

TEST(GeluTest, FarFromZeroItIsZeroOrTheIdentity) {
  constexpr float kMax = std::numeric_limits<float>::max();
  const std::vector<float> x = {-kMax, -1e20F, -100.0F, 0.0F, 100.0F, 1e20F, kMax};
  EXPECT_THAT(forward(x), ElementsAre(0.0F, 0.0F, 0.0F, 0.0F, 100.0F, 1e20F, kMax));
  const std::vector<float> gradient = backward(x, kInfinity, std::vector<float>(x.size(), 2.0F));
  EXPECT_THAT(std::vector<float>(gradient.begin(), gradient.begin() + 3), Each(0.0F));
  EXPECT_FLOAT_EQ(gradient[3], 1.0F);
  EXPECT_THAT(std::vector<float>(gradient.begin() + 4, gradient.end()), Each(2.0F));
}

TEST(GeluTest, TheGradientEndsWhereTheActivatedMagnitudeReachesTheClip) {
  for (const float clip : {0.1F, 1.0F, 2.5F}) {
    for (std::int64_t size = 1; size <= 67; ++size) {
      const std::vector<float> x = random_values(static_cast<std::uint64_t>(size), size, -5.0, 5.0);
      const std::vector<float> activated = forward(x);
      const std::vector<float> arriving(x.size(), 2.0F);
      std::vector<float> expected = backward(x, kInfinity, arriving);
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (std::fabs(activated[i]) >= clip) expected[i] = 0.0F;
      }
      EXPECT_EQ(backward(x, clip, arriving), expected) << clip << ", size " << size;
    }
  }
}

TEST(GeluTest, AMagnitudeAtTheClipItselfHasNoGradient) {
  for (const float x : {-3.0F, -0.5F, 0.5F, 2.5F}) {
    const float magnitude = std::fabs(forward({x})[0]);
    EXPECT_EQ(backward({x}, magnitude, {2.0F})[0], 0.0F);
    EXPECT_NE(backward({x}, std::nextafter(magnitude, kInfinity), {2.0F})[0], 0.0F);
  }
}

TEST(GeluTest, DoesNotDependOnTheThreadCount) {
  const std::vector<float> x = random_values(3, 100003);
  const std::vector<float> arriving = random_values(4, 100003);
  expect_the_same_for_every_thread_count([&] { return forward(x); });
  expect_the_same_for_every_thread_count([&] { return backward(x, 2.5F, arriving); });
}

}  // namespace
}  // namespace kdqat::kernels
