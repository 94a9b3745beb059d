#include "kdqat/kernels/gemm/bf16_backward.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"
#include "kdqat/kernels/column_sums.h"
#include "kdqat/kernels/gemm/bf16_gemm.h"
#include "kdqat/simd/bf16.h"
#include "tests/kernels/bf16_sets.h"
#include "tests/kernels/random_codes.h"
#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

double rounded(float value) {
  return static_cast<double>(std::bit_cast<float>(std::uint32_t{simd::bf16_bits(value)} << 16));
}

/// Codes of x [tokens, inputs] and w [outputs, inputs], their scales, and the gradient that arrives.
struct Problem {
  Problem(std::int64_t token_count, std::int64_t input_count, std::int64_t output_count)
      : tokens(token_count),
        inputs(input_count),
        outputs(output_count),
        x(random_codes(1, tokens * inputs, 127)),
        weight(random_codes(2, outputs * inputs, 1)),
        arriving(random_values(3, tokens * outputs)),
        weight_scales(random_values(4, outputs, 0.01, 0.1)),
        input_scales(random_values(5, tokens, 0.01, 0.1)) {}

  struct Result {
    std::vector<float> x, weight, bias;
    bool operator==(const Result&) const = default;
  };

  Result run(simd::InstructionSet set, bool accumulate = false,
             std::int64_t group_rows = 2 * ColumnSums::kRows) const {
    Result result{std::vector<float>(index(tokens * inputs), accumulate ? 0.5F : 99.0F),
                  std::vector<float>(index(outputs * inputs), 99.0F),
                  std::vector<float>(index(outputs), 99.0F)};
    std::vector<std::uint16_t> weight_panels(index(bf16_panel_bytes(inputs, outputs) / 2), 0x7FC0);
    std::vector<std::uint16_t> input_panels(index(bf16_panel_bytes(inputs, tokens) / 2), 0x7FC0);
    pack_transposed_bf16_panels(weight.data(), outputs, inputs, weight_panels.data());
    pack_transposed_bf16_panels(x.data(), tokens, inputs, input_panels.data());
    Bf16Backward backward({.arriving = {.rows = tokens,
                                        .cols = outputs,
                                        .weight_scales = weight_scales.data(),
                                        .weight_scales_count = outputs,
                                        .input_scales = input_scales.data(),
                                        .input_scales_count = tokens},
                           .weight_panels = weight_panels.data(),
                           .input_panels = input_panels.data(),
                           .inputs = inputs},
                          set);
    base::parallel_for(
        0, (tokens + group_rows - 1) / group_rows, 1, [&](std::int64_t first, std::int64_t last) {
          for (std::int64_t group = first; group < last; ++group) {
            const std::int64_t row = group * group_rows;
            backward.accumulate(row, std::min(group_rows, tokens - row), arriving.data() + row * outputs,
                                result.x.data() + row * inputs, accumulate);
          }
        });
    backward.finalize(result.weight.data(), result.bias.data());
    return result;
  }

  std::int64_t tokens, inputs, outputs;
  std::vector<std::int8_t> x, weight;
  std::vector<float> arriving, weight_scales, input_scales;
};

/// A sum in double and the sum of its terms' magnitudes.
struct Sum {
  double value = 0.0;
  double magnitude = 0.0;

  void add(double term) {
    value += term;
    magnitude += std::abs(term);
  }
};

class Bf16BackwardTest : public EachBf16Set {};
INSTANTIATE_TEST_SUITE_P(EverySet, Bf16BackwardTest, bf16_sets(), bf16_set_name);

// Sums of n terms round at most n + 1 times, each by half a last place of what is summed so far.
TEST_P(Bf16BackwardTest, GradientsAreTheProductsOfRoundedGradientsAndCodes) {
  for (const auto& [tokens, inputs, outputs] : {std::tuple{1, 1, 1},
                                                {2, 17, 8},
                                                {33, 16, 9},
                                                {70, 40, 23},
                                                {131, 33, 16},
                                                {64, 32, 32},
                                                {300, 40, 70},
                                                {450, 20, 290}}) {
    SCOPED_TRACE(base::concat(tokens, " tokens, ", inputs, " inputs, ", outputs, " outputs"));
    const Problem problem(tokens, inputs, outputs);
    const Problem::Result result = problem.run(GetParam());
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (std::int64_t i = 0; i < inputs; ++i) {
        Sum sum;
        for (std::int64_t o = 0; o < outputs; ++o) {
          sum.add(rounded(problem.arriving[index(t * outputs + o)] * problem.weight_scales[index(o)]) *
                  problem.weight[index(o * inputs + i)]);
        }
        ASSERT_NEAR(result.x[index(t * inputs + i)], sum.value, (outputs + 1) * kRounding * sum.magnitude);
      }
    }
    for (std::int64_t o = 0; o < outputs; ++o) {
      Sum bias;
      for (std::int64_t t = 0; t < tokens; ++t)
        bias.add(static_cast<double>(problem.arriving[index(t * outputs + o)]));
      ASSERT_NEAR(result.bias[index(o)], bias.value, (tokens + 1) * kRounding * bias.magnitude);
      for (std::int64_t i = 0; i < inputs; ++i) {
        Sum sum;
        for (std::int64_t t = 0; t < tokens; ++t) {
          sum.add(rounded(problem.arriving[index(t * outputs + o)] * problem.input_scales[index(t)]) *
                  problem.x[index(t * inputs + i)]);
        }
        ASSERT_NEAR(result.weight[index(o * inputs + i)], sum.value,
                    (tokens + 1) * kRounding * sum.magnitude);
      }
    }
  }
}

TEST_P(Bf16BackwardTest, AccumulatingAddsToTheGradientOfX) {
  const Problem problem(37, 20, 24);
  const Problem::Result set = problem.run(GetParam());
  const Problem::Result added = problem.run(GetParam(), /*accumulate=*/true);
  for (std::size_t i = 0; i < set.x.size(); ++i) EXPECT_EQ(added.x[i], set.x[i] + 0.5F);
  EXPECT_EQ(added.weight, set.weight);
}

TEST_P(Bf16BackwardTest, GroupsOfRowsDoNotChangeTheBits) {
  const Problem problem(205, 65, 70);
  const Problem::Result expected = problem.run(GetParam());
  EXPECT_EQ(problem.run(GetParam(), /*accumulate=*/false, ColumnSums::kRows), expected);
  EXPECT_EQ(problem.run(GetParam(), /*accumulate=*/false, 7 * ColumnSums::kRows), expected);
}

TEST_P(Bf16BackwardTest, ThreadsDoNotChangeTheBits) {
  const Problem problem(333, 65, 70);
  expect_the_same_for_every_thread_count([&] { return problem.run(GetParam()); });
}

TEST(Bf16TransposedPanelsTest, PanelsOfBfloatAreThoseOfTheirCodes) {
  const std::vector<std::int8_t> codes = random_codes(1, 21 * 35, 127);
  std::vector<std::uint16_t> values;
  for (const std::int8_t code : codes) values.push_back(simd::bf16_bits(static_cast<float>(code)));
  std::vector<std::uint16_t> from_codes(index(bf16_panel_bytes(35, 21) / 2), 1);
  std::vector<std::uint16_t> from_values(from_codes.size(), 2);
  pack_transposed_bf16_panels(codes.data(), 21, 35, from_codes.data());
  pack_transposed_bf16_panels(values.data(), 21, 35, from_values.data());
  EXPECT_EQ(from_codes, from_values);
}

}  // namespace
}  // namespace kdqat::kernels
