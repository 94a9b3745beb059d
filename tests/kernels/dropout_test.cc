#include "kdqat/kernels/dropout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

using ::testing::AnyOf;
using ::testing::Each;

constexpr DropoutPlace kPlace{.seed = 42, .update = 7, .site = 3};

using Mask = std::vector<std::uint8_t>;

Mask mask_of(const DropoutPlace& place, double probability, std::int64_t count) {
  Mask mask(static_cast<std::size_t>(count), 255);
  fill_dropout_mask(place, probability, count, mask.data());
  return mask;
}

/// Standard deviations that a share of `count` independent draws lies from its expectation `p`.
double deviations(double share, double p, double count) {
  return std::fabs(share - p) / std::sqrt(p * (1.0 - p) / count);
}

TEST(DropoutTest, AMaskHoldsNothingButZerosAndOnes) {
  for (const double probability : {0.1, 0.3, 0.5, 0.9}) {
    EXPECT_THAT(mask_of(kPlace, probability, 4097), Each(AnyOf(0, 1))) << probability;
  }
  EXPECT_THAT(mask_of(kPlace, 0.0, 1001), Each(1));
}

TEST(DropoutTest, TheShareOfZerosIsTheProbability) {
  constexpr std::int64_t kCount = 1 << 20;
  for (const double probability : {0.1, 0.25, 0.5, 0.9}) {
    const Mask mask = mask_of(kPlace, probability, kCount);
    const auto zeros = static_cast<double>(std::count(mask.begin(), mask.end(), 0));
    // The probability is rounded to a multiple of 2^-16. Five deviations: once in two million drawings.
    const double rounded = std::round(probability * 65536.0) / 65536.0;
    EXPECT_LT(deviations(zeros / kCount, rounded, kCount), 5.0) << probability;
  }
}

TEST(DropoutTest, ThePartsOfADrawDoNotDifferInTheirShare) {
  // Eight draws come from one call of the generator: none of its 16-bit parts may be unlike the others.
  constexpr std::size_t kCalls = 1 << 16;
  const Mask mask = mask_of(kPlace, 0.25, 8 * kCalls);
  std::array<double, 8> zeros{};
  for (std::size_t i = 0; i < mask.size(); ++i) zeros[i % 128 / 16] += mask[i] == 0 ? 1.0 : 0.0;
  for (std::size_t part = 0; part < 8; ++part) {
    EXPECT_LT(deviations(zeros[part] / kCalls, 0.25, kCalls), 5.0) << part;
  }
}

TEST(DropoutTest, ElementsAreTheGeneratorsHalfWordsInTheirOrder) {
  // Blocks of 128 elements, from 16 values of the counter: all their first half words, then all second ones,
  // ... A run that goes on under another version draws the masks that it began with.
  const Mask mask = mask_of(kPlace, 0.3, 1003);
  const auto threshold = static_cast<std::uint32_t>(std::lround(0.3 * 65536.0));
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const std::size_t part = i % 128 / 16;
    const auto words = base::philox(kPlace.seed, i / 128 * 16 + i % 16, kPlace.update << 16 | kPlace.site);
    const std::uint32_t draw = words[part / 2] >> (16 * (part % 2)) & 0xFFFF;
    EXPECT_EQ(mask[i] == 0, draw < threshold) << i;
  }
}

TEST(DropoutTest, TheSamePlaceDrawsTheSameMask) {
  EXPECT_EQ(mask_of(kPlace, 0.1, 5001), mask_of(kPlace, 0.1, 5001));
}

TEST(DropoutTest, AnElementDoesNotDependOnTheSize) {
  const Mask whole = mask_of(kPlace, 0.3, 67);
  for (std::int64_t count = 1; count <= 67; ++count) {
    EXPECT_EQ(mask_of(kPlace, 0.3, count), Mask(whole.begin(), whole.begin() + count)) << count;
  }
}

TEST(DropoutTest, AnotherSeedUpdateOrSiteDrawsAnIndependentMask) {
  constexpr std::int64_t kCount = 1 << 16;
  constexpr double kProbability = 0.25;
  const Mask mask = mask_of(kPlace, kProbability, kCount);
  for (const DropoutPlace& other :
       {DropoutPlace{.seed = 43, .update = 7, .site = 3}, DropoutPlace{.seed = 42, .update = 8, .site = 3},
        DropoutPlace{.seed = 42, .update = 7, .site = 4}, DropoutPlace{.seed = 42, .update = 3, .site = 7}}) {
    const Mask other_mask = mask_of(other, kProbability, kCount);
    double equal = 0.0;
    for (std::size_t i = 0; i < mask.size(); ++i) equal += mask[i] == other_mask[i] ? 1.0 : 0.0;
    const double both_alike = kProbability * kProbability + (1.0 - kProbability) * (1.0 - kProbability);
    EXPECT_LT(deviations(equal / kCount, both_alike, kCount), 5.0)
        << other.seed << ", " << other.update << ", " << other.site;
  }
}

TEST(ApplyDropoutTest, KeepsScalesAndDropsFromTheGivenElementOn) {
  const Mask mask = mask_of(kPlace, 0.5, 100);
  const std::vector<float> values = random_values(1, 67);
  std::vector<float> out = values;
  apply_dropout({.keep = mask.data(), .factor = 2.0F}, 33, out.data(), 67, out.data());
  for (std::size_t i = 0; i < out.size(); ++i)
    EXPECT_EQ(out[i], mask[33 + i] != 0 ? 2.0F * values[i] : 0.0F) << i;
}

TEST(AddDropoutTest, IsTheResidualAndWhatIsKept) {
  for (const std::int64_t count : {1, 67, 100003}) {
    const Mask mask = mask_of(kPlace, 0.5, count);
    const std::vector<float> x = random_values(1, count);
    const std::vector<float> residual = random_values(2, count);
    for (const Dropout& dropout : {Dropout{}, Dropout{.keep = mask.data(), .factor = 2.0F}}) {
      std::vector<float> sum = residual;
      std::vector<float> gradient = x;
      for (std::size_t i = 0; i < sum.size(); ++i) {
        const float factor = dropout.keep == nullptr ? 1.0F : (mask[i] != 0 ? 2.0F : 0.0F);
        sum[i] += factor * x[i];
        gradient[i] *= factor;
      }
      const auto forward = [&] {
        std::vector<float> out = residual;
        add_dropout(dropout, x.data(), out.data(), count, out.data());
        return out;
      };
      const auto backward = [&] {
        std::vector<float> out(x.size());
        add_dropout_backward(dropout, x.data(), count, out.data());
        return out;
      };
      EXPECT_EQ(forward(), sum);
      EXPECT_EQ(backward(), gradient);
      expect_the_same_for_every_thread_count(forward);
      expect_the_same_for_every_thread_count(backward);
    }
  }
}

TEST(DropoutTest, DoesNotDependOnTheThreadCount) {
  expect_the_same_for_every_thread_count([] { return mask_of(kPlace, 0.1, 100003); });
}

}  // namespace
}  // namespace kdqat::kernels
