#include "kdqat/kernels/rotary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Floats = std::vector<float>;

TEST(RotaryTableTest, HoldsTheAnglesOfTransformers) {
  struct Entry {
    std::int64_t position;
    std::int64_t i;
    float cosine;
    float sine;
  };
  // ModernBertRotaryEmbedding of transformers 5.24.0 for heads of 32, rope_theta 160000, layer type
  // full_attention; torch on a CPU.
  const std::vector<Entry> entries = {
      {0, 0, 1.0F, 0.0F},
      {0, 15, 1.0F, 0.0F},
      {1, 0, 0.540302336F, 0.841470957F},
      {1, 1, 0.890264452F, 0.455443919F},
      {1, 15, 1.0F, 1.32171408e-05F},
      {17, 1, -0.183771044F, 0.982969105F},
      {17, 5, 0.920303702F, 0.391204655F},
      {255, 1, 0.360928237F, 0.932593584F},
      {255, 11, 0.997729003F, 0.0673563853F},
      {511, 2, 0.394076407F, 0.919077694F},
      {511, 5, 0.884897947F, -0.465784997F},
      {1023, 0, 0.400068194F, -0.916485369F},
      {1023, 1, 0.998292744F, -0.0584092177F},
      {1023, 2, -0.83287847F, 0.553455889F},
      {1023, 5, 0.585418999F, -0.810730875F},
      {1023, 11, 0.963658094F, 0.267138809F},
      {1023, 15, 0.999908566F, 0.0135207232F},
  };
  const RotaryTable table(160000.0, 32, 1024);
  for (const Entry& entry : entries) {
    SCOPED_TRACE(base::concat("position ", entry.position, ", i ", entry.i));
    // Both round cosine and sine of the same angle: torch to a unit in the last place, the table to half.
    EXPECT_NEAR(table.cosines(entry.position)[entry.i], entry.cosine, 3 * kRounding);
    EXPECT_NEAR(table.sines(entry.position)[entry.i], entry.sine, 3 * kRounding);
  }
}

TEST(RotaryTableTest, RefusesWhatHasNoAngles) {
  const auto message = [](const char* text) { return ThrowsMessage<base::InvalidArgument>(HasSubstr(text)); };
  EXPECT_THAT([] { RotaryTable(0.0, 8, 4); }, message("rotary theta: expected > 0, found 0"));
  EXPECT_THAT([] { RotaryTable(1e4, 7, 4); },
              message("rotary head size: expected an even number above 0, found 7"));
  EXPECT_THAT([] { RotaryTable(1e4, 0, 4); },
              message("rotary head size: expected an even number above 0, found 0"));
  EXPECT_THAT([] { RotaryTable(1e4, 8, 0); }, message("rotary positions: expected at least 1, found 0"));
}

/// Sequences of several lengths, three heads.
struct RotaryProblem {
  explicit RotaryProblem(std::int64_t head_size_)
      : head_size(head_size_), values(random_values(1, cu_seqlens.back() * 3 * head_size_)) {}

  AttentionShape shape() const { return {.cu_seqlens = cu_seqlens, .heads = 3, .head_size = head_size}; }

  std::vector<std::int64_t> cu_seqlens = {0, 1, 8, 8, 48, 61};
  std::int64_t head_size;
  Floats values;
};

TEST(RotateHeadsTest, TurnsThePairsOfEachHeadByTheAnglesOfTheirPosition) {
  for (const std::int64_t head_size : {2, 8, 12, 32, 64}) {
    const RotaryProblem problem(head_size);
    const RotaryTable table(10000.0, head_size, 40);
    Floats expected = problem.values;
    for (std::size_t b = 0; b + 1 < problem.cu_seqlens.size(); ++b) {
      for (std::int64_t token = problem.cu_seqlens[b]; token < problem.cu_seqlens[b + 1]; ++token) {
        for (std::int64_t i = 0; i < 3 * head_size; ++i) {
          const std::int64_t in_head = i % head_size;
          const std::int64_t half = head_size / 2;
          const std::int64_t pair = in_head % half;
          const float cosine = table.cosines(token - problem.cu_seqlens[b])[pair];
          const float sine = table.sines(token - problem.cu_seqlens[b])[pair];
          const std::size_t here = index(token * 3 * head_size + i);
          const float x = problem.values[here];
          expected[here] = in_head < half ? x * cosine - problem.values[here + index(half)] * sine
                                          : x * cosine + problem.values[here - index(half)] * sine;
        }
      }
    }
    Floats actual = problem.values;
    rotate_heads(table, problem.shape(), actual.data());
    EXPECT_EQ(actual, expected) << "head size " << head_size;
  }
}

TEST(RotateHeadsTest, BackwardIsTheTranspose) {
  for (const std::int64_t head_size : {2, 12, 64}) {
    const RotaryProblem problem(head_size);
    const RotaryTable table(10000.0, head_size, 40);
    const Floats grad_output = random_values(2, static_cast<std::int64_t>(problem.values.size()));
    Floats rotated = problem.values;
    rotate_heads(table, problem.shape(), rotated.data());
    Floats gradient = grad_output;
    rotate_heads_backward(table, problem.shape(), gradient.data());
    double forward = 0.0;
    double backward = 0.0;
    double magnitude = 0.0;
    for (std::size_t i = 0; i < rotated.size(); ++i) {
      forward += static_cast<double>(rotated[i]) * static_cast<double>(grad_output[i]);
      backward += static_cast<double>(problem.values[i]) * static_cast<double>(gradient[i]);
      // A value of a pair is at most the sum of both, which are below 3.
      magnitude += 6.0 * std::fabs(static_cast<double>(grad_output[i]));
    }
    // Two products and a sum round, on both sides.
    EXPECT_NEAR(forward, backward, 6.0 * kRounding * magnitude) << "head size " << head_size;
  }
}

TEST(RotateHeadsTest, DoesNotDependOnTheThreadCount) {
  std::vector<std::int64_t> cu_seqlens = {0};
  for (int b = 0; b < 30; ++b) cu_seqlens.push_back(cu_seqlens.back() + 1 + b * 7 % 20);
  const AttentionShape shape{.cu_seqlens = cu_seqlens, .heads = 2, .head_size = 12};
  const RotaryTable table(10000.0, 12, 20);
  const Floats values = random_values(1, shape.tokens() * 24);
  expect_the_same_for_every_thread_count([&] {
    Floats rotated = values;
    rotate_heads(table, shape, rotated.data());
    return rotated;
  });
}

TEST(RotateHeadsTest, RefusesAnotherHeadSizeAndSequencesBeyondTheTable) {
  RotaryProblem problem(8);
  const RotaryTable wide(1e4, 16, 40);
  const RotaryTable short_table(1e4, 8, 39);
  EXPECT_THAT([&] { rotate_heads(wide, problem.shape(), problem.values.data()); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("rotary table: expected heads of 16, found 8")));
  EXPECT_THAT(
      [&] { rotate_heads_backward(short_table, problem.shape(), problem.values.data()); },
      ThrowsMessage<base::InvalidArgument>(HasSubstr("sequence 3: expected at most 39 tokens, found 40")));
}

}  // namespace
}  // namespace kdqat::kernels
