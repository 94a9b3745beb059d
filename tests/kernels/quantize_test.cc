#include "kdqat/kernels/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

/// A value this close to where its code changes, relative to the largest of its group, may have either code:
/// statistics and quotients carry up to four roundings, 3e-7.
constexpr double kNear = 1e-6;

double clipped(float x) { return std::clamp(static_cast<double>(x), -2.5, 2.5); }

double mean_magnitude(const std::vector<float>& group) {
  double sum = 0.0;
  for (const float x : group) sum += std::fabs(clipped(x));
  return sum / static_cast<double>(group.size());
}

double max_magnitude(const std::vector<float>& group) {
  double maximum = 0.0;
  for (const float x : group) maximum = std::max(maximum, std::fabs(clipped(x)));
  return maximum;
}

/// Mean of the magnitudes above `threshold`; `fallback` if there are none.
double mean_above(const std::vector<float>& group, double threshold, double fallback) {
  double sum = 0.0;
  double count = 0.0;
  for (const float x : group) {
    const double magnitude = std::fabs(clipped(x));
    if (magnitude > threshold) {
      sum += magnitude;
      count += 1.0;
    }
  }
  return count == 0.0 ? fallback : sum / count;
}

/// The codes that a group may have, straight from the header's formulas in double.
struct Expected {
  double scale = 0.0;
  double scale_roundings = 1.0;  ///< roundings to float on the way to the scale
  std::function<int(double value)> code;
};

Expected expected_ternary(const std::vector<float>& group) {
  const double threshold = 0.7 * mean_magnitude(group);
  return {.scale = mean_above(group, threshold, 0.0),
          .code = [=](double x) { return std::fabs(x) > threshold ? (x > 0.0 ? 1 : -1) : 0; }};
}

Expected expected_twn_uniform(const std::vector<float>& group, int bits) {
  const double mean = mean_magnitude(group);
  const double range = mean_above(group, mean, mean);
  const double scale = 2.0 * range / (std::pow(2.0, bits) - 1.0);
  const double largest = std::pow(2.0, bits - 1) - 1.0;
  return {.scale = scale, .scale_roundings = 2.0, .code = [=](double x) {
            if (scale == 0.0) return 0;
            const double code = std::nearbyint(std::clamp(x, -range, range) / scale);
            return static_cast<int>(std::clamp(code, -largest, largest));
          }};
}

Expected expected_symmetric(const std::vector<float>& group) {
  const double maximum = max_magnitude(group);
  return {.scale = maximum / 127.0, .code = [=](double x) {
            return maximum == 0.0 ? 0 : static_cast<int>(std::nearbyint(x * 127.0 / maximum));
          }};
}

/// A quantizer beside what its header says.
struct Case {
  std::string name;
  std::function<bool(const float*, Groups, std::int8_t*, float*)> quantize;
  std::function<Expected(const std::vector<float>&)> expected;
  double
      threshold_factor;  ///< its statistics leave out magnitudes up to this multiple of their mean; 0: none
};

std::vector<Case> cases() {
  const auto twn = [](int bits) {
    return [bits](const float* values, Groups groups, std::int8_t* codes, float* scales) {
      return quantize_twn_uniform(values, groups, bits, codes, scales);
    };
  };
  const auto expected_twn = [](int bits) {
    return [bits](const std::vector<float>& group) { return expected_twn_uniform(group, bits); };
  };
  return {{"ternary", quantize_ternary, expected_ternary, 0.7},
          {"twn_uniform4", twn(4), expected_twn(4), 1.0},
          {"twn_uniform8", twn(8), expected_twn(8), 1.0},
          {"symmetric", quantize_symmetric, expected_symmetric, 0.0}};
}

/// Sets values to 0 until none lies so close to the statistics' threshold that rounding could decide about
/// it.
void move_away_from_threshold(std::vector<float>& group, double factor) {
  if (factor == 0.0 || group.size() == 1) return;
  for (bool moved = true; moved;) {
    moved = false;
    const double threshold = factor * mean_magnitude(group);
    for (float& x : group) {
      if (x != 0.0F && std::fabs(std::fabs(clipped(x)) - threshold) < 2.0 * kNear) {
        x = 0.0F;
        moved = true;
      }
    }
  }
}

std::vector<float> draw_group(std::uint64_t seed, std::int64_t size, double factor) {
  std::vector<float> group = random_values(seed, size);
  move_away_from_threshold(group, factor);
  return group;
}

using Quantized = std::pair<std::vector<std::int8_t>, std::vector<float>>;

Quantized run(const Case& quantizer, const std::vector<float>& values, std::int64_t groups = 1) {
  Quantized result{std::vector<std::int8_t>(values.size(), 99), std::vector<float>(index(groups), -1.0F)};
  const auto size = static_cast<std::int64_t>(values.size()) / groups;
  quantizer.quantize(values.data(), {.count = groups, .size = size}, result.first.data(),
                     result.second.data());
  return result;
}

void expect_group(const Case& quantizer, const std::vector<float>& group, const std::int8_t* codes,
                  float scale) {
  const Expected expected = quantizer.expected(group);
  // Sums in double err by less than 1e-9 of a rounding.
  EXPECT_NEAR(static_cast<double>(scale), expected.scale,
              1.001 * kRounding * expected.scale_roundings * expected.scale);
  const double near = kNear * max_magnitude(group);
  for (std::size_t i = 0; i < group.size(); ++i) {
    const double x = clipped(group[i]);
    ASSERT_GE(codes[i], expected.code(x - near)) << i << ": " << x;
    ASSERT_LE(codes[i], expected.code(x + near)) << i << ": " << x;
  }
}

TEST(QuantizeTest, CodesAndScalesFollowTheFormulasAtEverySize) {
  std::vector<std::int64_t> sizes = {1000, 16384, 16385, 3 * 16384 + 5};
  for (std::int64_t size = 1; size <= 67; ++size) sizes.push_back(size);
  for (const Case& quantizer : cases()) {
    for (const std::int64_t size : sizes) {
      SCOPED_TRACE(quantizer.name + " of " + std::to_string(size));
      const std::vector<float> group =
          draw_group(static_cast<std::uint64_t>(size), size, quantizer.threshold_factor);
      const auto [codes, scales] = run(quantizer, group);
      expect_group(quantizer, group, codes.data(), scales[0]);
    }
  }
}

TEST(QuantizeTest, EveryGroupHasAScaleOfItsOwnAndZerosHaveNone) {
  constexpr std::int64_t kGroups = 7;
  constexpr std::int64_t kSize = 37;
  constexpr std::int64_t kZeros = 3;
  for (const Case& quantizer : cases()) {
    SCOPED_TRACE(quantizer.name);
    std::vector<std::vector<float>> groups;
    std::vector<float> values;
    for (std::int64_t g = 0; g < kGroups; ++g) {
      groups.push_back(draw_group(static_cast<std::uint64_t>(g), kSize, quantizer.threshold_factor));
      if (g == kZeros) std::fill(groups.back().begin(), groups.back().end(), 0.0F);
      values.insert(values.end(), groups.back().begin(), groups.back().end());
    }
    const auto [codes, scales] = run(quantizer, values, kGroups);
    for (std::int64_t g = 0; g < kGroups; ++g) {
      SCOPED_TRACE(g);
      expect_group(quantizer, groups[index(g)], codes.data() + g * kSize, scales[index(g)]);
    }
    EXPECT_EQ(scales[kZeros], 0.0F);
    EXPECT_THAT(std::vector<int>(codes.begin() + kZeros * kSize, codes.begin() + (kZeros + 1) * kSize),
                Each(0));
  }
}

TEST(QuantizeTest, MagnitudesBeyondTheClipCountAsTheClip) {
  std::vector<float> values = random_values(1, 101, -6.0, 6.0);
  values[0] = std::numeric_limits<float>::max();
  values[1] = std::numeric_limits<float>::lowest();
  std::vector<float> clamped = values;
  for (float& x : clamped) x = std::clamp(x, -kClip, kClip);
  for (const Case& quantizer : cases()) {
    EXPECT_EQ(run(quantizer, values), run(quantizer, clamped)) << quantizer.name;
  }
}

TEST(QuantizeTest, CodesAndScalesDoNotDependOnTheThreadCount) {
  const std::vector<float> values = random_values(2, 9 * 16384 + 1);
  for (const Case& quantizer : cases()) {
    SCOPED_TRACE(quantizer.name);
    expect_the_same_for_every_thread_count([&] { return run(quantizer, values); });
    expect_the_same_for_every_thread_count([&] { return run(quantizer, values, 11); });
  }
}

TEST(QuantizeTest, MagnitudesNearTheSmallestFloatGiveFiniteScalesAndBoundedErrors) {
  constexpr float kSmallest = std::numeric_limits<float>::denorm_min();
  for (const Case& quantizer : cases()) {
    for (const float unit : {kSmallest, 3.0F * kSmallest, 1e-40F, 1e-38F, 1e-37F, 1e-35F}) {
      SCOPED_TRACE(quantizer.name + " of " + std::to_string(std::log10(unit)));
      const std::vector<float> values = {0.0F, unit, -unit, unit * 2.0F, unit * 0.5F, -0.0F};
      const auto [codes, scales] = run(quantizer, values);
      EXPECT_TRUE(std::isfinite(scales[0]) && scales[0] >= 0.0F);
      EXPECT_EQ(codes[0], 0);
      EXPECT_EQ(codes[5], 0);
      for (std::size_t i = 0; i < values.size(); ++i) {
        // The largest magnitude is 2 unit; codes that are all 0 err by it.
        EXPECT_LE(std::fabs(static_cast<float>(codes[i]) * scales[0] - values[i]), 2.0F * unit) << i;
      }
    }
  }
}

TEST(QuantizeTest, MinMaxAndUniformGroupsBelow1e36AreZeros) {
  for (const Case& quantizer : cases()) {
    if (quantizer.name == "ternary") continue;
    SCOPED_TRACE(quantizer.name);
    const auto [codes, scales] = run(quantizer, {0.9e-36F, -0.9e-36F, 0.9e-36F, 0.0F});
    EXPECT_THAT(codes, Each(0));
    EXPECT_EQ(scales[0], 0.0F);
    const auto [codes_above, scales_above] = run(quantizer, {1.1e-36F, -1.1e-36F});
    EXPECT_THAT(codes_above, Each(::testing::Ne(0)));
    EXPECT_GT(scales_above[0], 0.0F);
  }
}

TEST(QuantizeTest, TernaryKeepsMagnitudesAboveSevenTenthsOfTheMean) {
  // mean |w| = 1, threshold 0.7.
  const auto [codes, scales] = run(cases()[0], {2.0F, -1.0F, 0.71F, -0.69F, 0.6F});
  EXPECT_THAT(codes, ElementsAre(1, -1, 1, 0, 0));
  EXPECT_FLOAT_EQ(scales[0], (2.0F + 1.0F + 0.71F) / 3.0F);
}

TEST(QuantizeTest, UniformGridOfEqualMagnitudesEndsAtItsLargestCode) {
  // c = |w|, so |w| / scale is 7.5 or 127.5, which would round to a code that 4 or 8 bits do not have.
  for (const int bits : {4, 8}) {
    const int largest = (1 << (bits - 1)) - 1;
    for (const float magnitude : {0.3F, 1.0F, 1.7F, 2.5F, 9.0F}) {
      const auto [codes, scales] = run(cases()[bits == 4 ? 1 : 2], {magnitude, -magnitude, magnitude});
      EXPECT_THAT(codes, ElementsAre(largest, -largest, largest)) << magnitude;
      EXPECT_FLOAT_EQ(scales[0], 2.0F * std::min(magnitude, 2.5F) / static_cast<float>((1 << bits) - 1));
    }
  }
}

TEST(QuantizeTest, HalvesRoundToTheEvenCode) {
  // The largest magnitude is 127 / 64, so x * 127 / max is exactly 64 x.
  std::vector<float> values = {127.0F / 64.0F};
  std::vector<std::int8_t> expected = {127};
  for (int code = -126; code < 127; ++code) {
    values.push_back((static_cast<float>(code) + 0.5F) / 64.0F);
    expected.push_back(static_cast<std::int8_t>(code % 2 == 0 ? code : code + 1));
  }
  EXPECT_EQ(run(cases()[3], values).first, expected);
}

/// What `quantizer` says of values: whether a magnitude reaches the clip.
bool clips(const Case& quantizer, const std::vector<float>& values, std::int64_t groups = 1) {
  std::vector<std::int8_t> codes(values.size());
  std::vector<float> scales(index(groups));
  const auto size = static_cast<std::int64_t>(values.size()) / groups;
  return quantizer.quantize(values.data(), {.count = groups, .size = size}, codes.data(), scales.data());
}

const float kBelowClip = std::nextafter(kClip, 0.0F);
const float kAboveClip = std::nextafter(kClip, 3.0F);

/// Magnitudes below the clip, one of them by as little as a float can.
std::vector<float> values_below_clip(std::int64_t size) {
  std::vector<float> values = random_values(static_cast<std::uint64_t>(size), size, -2.4, 2.4);
  values[index(size / 2)] = size % 2 == 0 ? kBelowClip : -kBelowClip;
  return values;
}

/// Holds `reaches_clip`, which gives what a quantizer says of values, to its word with one value on and
/// beyond the clip at `position`, and none.
template <typename ReachesClip>
void expect_clip_found(const ReachesClip& reaches_clip, std::vector<float> values, std::size_t position) {
  EXPECT_FALSE(reaches_clip(values));
  for (const float x : {kClip, -kClip, kAboveClip, -kAboveClip, 1e30F}) {
    values[position] = x;
    EXPECT_TRUE(reaches_clip(values)) << x << " at " << position << " of " << values.size();
  }
}

TEST(QuantizeTest, SaysWhetherAMagnitudeReachesTheClipAtEveryPositionOfEverySize) {
  for (const Case& quantizer : cases()) {
    SCOPED_TRACE(quantizer.name);
    const auto reaches_clip = [&](const std::vector<float>& values) { return clips(quantizer, values); };
    for (std::int64_t size = 1; size <= 67; ++size) {
      for (std::int64_t i = 0; i < size; ++i) {
        expect_clip_found(reaches_clip, values_below_clip(size), index(i));
      }
    }
    constexpr std::int64_t kSize = 3 * 16384 + 5;
    for (const std::int64_t i :
         {std::int64_t{0}, std::int64_t{16383}, std::int64_t{16384}, kSize - 6, kSize - 1}) {
      expect_clip_found(reaches_clip, values_below_clip(kSize), index(i));
    }
  }
}

TEST(QuantizeTest, AMagnitudeThatReachesTheClipInAnyGroupIsFound) {
  for (const Case& quantizer : cases()) {
    SCOPED_TRACE(quantizer.name);
    for (const std::int64_t groups : {7, 700}) {
      const std::int64_t size = groups * 37;
      for (const std::int64_t i : {std::int64_t{0}, size / 2, size - 1}) {
        expect_clip_found([&](const std::vector<float>& values) { return clips(quantizer, values, groups); },
                          values_below_clip(size), index(i));
      }
    }
  }
}

// UBSan watches: a float that no integer stands for must not be converted to one.
TEST(QuantizeSymmetricTest, WhatIsNotFiniteGetsACodeLikeAnyOther) {
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(37, 1.0F);
    values[3] = value;
    values[35] = value;
    std::vector<std::int8_t> codes(values.size());
    float scale = 0.0F;
    quantize_symmetric(values.data(), {.count = 1, .size = 37}, codes.data(), &scale);
    EXPECT_TRUE(std::isfinite(scale));
    EXPECT_GT(codes[0], 0);
  }
}

TEST(FakeQuantizeSymmetricTest, RowsThatLieApartShareOneScaleAndOthersAreNotTouched) {
  for (std::int64_t rows = 1; rows <= 5; ++rows) {
    for (std::int64_t size = 1; size <= 67; size += 3) {
      const std::int64_t stride = size + 11;
      // What lies between the rows is larger than they are.
      std::vector<float> values(index((rows - 1) * stride + size), 2.0F);
      const std::vector<float> packed =
          random_values(static_cast<std::uint64_t>(rows * 100 + size), rows * size, -1.0, 1.0);
      const auto [codes, scales] = run(cases()[3], packed);
      std::vector<float> expected = values;
      for (std::int64_t i = 0; i < rows * size; ++i) {
        const std::size_t place = index(i / size * stride + i % size);
        values[place] = packed[index(i)];
        expected[place] = static_cast<float>(codes[index(i)]) * scales[0];
      }
      fake_quantize_symmetric(values.data(), rows, size, stride, values.data());
      EXPECT_EQ(values, expected) << rows << " rows of " << size;
    }
  }
}

TEST(FakeQuantizeSymmetricTest, SaysWhetherAMagnitudeReachesTheClipInARowAndNotBetweenThem) {
  for (std::int64_t rows = 1; rows <= 3; ++rows) {
    for (std::int64_t size = 1; size <= 67; ++size) {
      const std::int64_t stride = size + 5;
      const auto reaches_clip = [&](const std::vector<float>& packed) {
        std::vector<float> values(index(rows * stride), 9.0F);
        for (std::int64_t i = 0; i < rows * size; ++i)
          values[index(i / size * stride + i % size)] = packed[index(i)];
        return fake_quantize_symmetric(values.data(), rows, size, stride, values.data());
      };
      for (std::int64_t i = 0; i < rows * size; ++i) {
        expect_clip_found(reaches_clip, values_below_clip(rows * size), index(i));
      }
    }
  }
}

TEST(FakeQuantizeSymmetricTest, ABlockOfZerosStaysZero) {
  std::vector<float> zeros(12, 0.0F);
  fake_quantize_symmetric(zeros.data(), 3, 4, 4, zeros.data());
  EXPECT_THAT(zeros, Each(0.0F));
}

/// (round((x - min) / (max - min + 1e-8) * 255) / 255) (max - min + 1e-8) + min of a value of a group.
double expected_asymmetric(double x, double minimum, double maximum) {
  const double range = maximum - minimum + 1e-8;
  return std::nearbyint((x - minimum) / range * 255.0) / 255.0 * range + minimum;
}

TEST(FakeQuantizeAsymmetricTest, ValuesFollowTheFormulaAtEverySize) {
  std::vector<std::int64_t> sizes = {1000, 20001};
  for (std::int64_t size = 1; size <= 67; ++size) sizes.push_back(size);
  for (const std::int64_t size : sizes) {
    constexpr std::int64_t kGroups = 3;
    const std::vector<float> values = random_values(static_cast<std::uint64_t>(size), kGroups * size);
    std::vector<float> out(values.size());
    fake_quantize_asymmetric(values.data(), {.count = kGroups, .size = size}, out.data());
    for (std::int64_t g = 0; g < kGroups; ++g) {
      const auto [low, high] =
          std::minmax_element(values.begin() + g * size, values.begin() + (g + 1) * size);
      for (std::int64_t i = g * size; i < (g + 1) * size; ++i) {
        const double x = clipped(values[index(i)]);
        // Four roundings of values up to 5 after the level is chosen: 4 * 5 * 2^-24 < kNear * 2.5.
        const double slack = kNear * 2.5;
        EXPECT_GE(static_cast<double>(out[index(i)]),
                  expected_asymmetric(x - slack, clipped(*low), clipped(*high)) - slack);
        EXPECT_LE(static_cast<double>(out[index(i)]),
                  expected_asymmetric(x + slack, clipped(*low), clipped(*high)) + slack);
      }
    }
  }
}

TEST(FakeQuantizeAsymmetricTest, EqualValuesStayAndZerosStayZero) {
  const std::vector<float> values = {0.0F, 0.0F, 0.0F, -1.25F, -1.25F, -1.25F, 7.0F, 7.0F, 7.0F};
  std::vector<float> out(values.size());
  fake_quantize_asymmetric(values.data(), {.count = 3, .size = 3}, out.data());
  EXPECT_THAT(out, ElementsAre(0.0F, 0.0F, 0.0F, -1.25F, -1.25F, -1.25F, 2.5F, 2.5F, 2.5F));
}

TEST(FakeQuantizeAsymmetricTest, DoesNotDependOnTheThreadCount) {
  const std::vector<float> values = random_values(3, 40 * 1001);
  expect_the_same_for_every_thread_count([&] {
    std::vector<float> out(values.size());
    fake_quantize_asymmetric(values.data(), {.count = 40, .size = 1001}, out.data());
    return out;
  });
}

TEST(DequantizeTest, ValuesAreCodesTimesTheirGroupsScale) {
  for (std::int64_t size = 1; size <= 67; ++size) {
    std::vector<std::int8_t> codes;
    for (std::int64_t i = 0; i < 3 * size; ++i) codes.push_back(static_cast<std::int8_t>(i * 37 % 256 - 128));
    const std::vector<float> scales = {0.1F, 0.0F, 1.7e-3F};
    std::vector<float> out(codes.size());
    dequantize(codes.data(), scales.data(), {.count = 3, .size = size}, out.data());
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(out[i], static_cast<float>(codes[i]) * scales[i / index(size)]);
    }
  }
}

TEST(MaskClippedTest, GradientEndsAtTheClip) {
  const float below = std::nextafter(kClip, 0.0F);
  const std::vector<float> values = {0.0F, below, -below, kClip, -kClip, 3.0F, -1e30F, 1e-40F};
  std::vector<float> gradient = {1.0F, 2.0F, -3.0F, 4.0F, 5.0F, 6.0F, 7.0F, -8.0F};
  mask_clipped(values.data(), 8, gradient.data());
  EXPECT_THAT(gradient, ElementsAre(1.0F, 2.0F, -3.0F, 0.0F, 0.0F, 0.0F, 0.0F, -8.0F));
}

TEST(MaskClippedTest, MasksEveryElementOfAnySize) {
  for (const std::int64_t size : {1, 15, 16, 17, 67, 20001}) {
    const std::vector<float> values = random_values(4, size);
    std::vector<float> gradient(values.size(), 1.0F);
    mask_clipped(values.data(), size, gradient.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(gradient[i], std::fabs(values[i]) < 2.5F ? 1.0F : 0.0F);
    }
  }
}

}  // namespace
}  // namespace kdqat::kernels
