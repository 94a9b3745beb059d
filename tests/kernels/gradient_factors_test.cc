#include "kdqat/kernels/gradient_factors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

using ::testing::Each;

/// How many scales there are: none, one, or one a row or column.
enum class Count { kNone, kOne, kEach };

std::vector<float> draw_scales(std::uint64_t seed, Count count, std::int64_t size) {
  if (count == Count::kNone) return {};
  return random_values(seed, count == Count::kOne ? 1 : size, 0.01, 0.1);
}

/// A gradient of a size and the scales that it meets.
struct Problem {
  Problem(std::int64_t row_count, std::int64_t col_count, Count weight_count, Count input_count)
      : rows(row_count),
        cols(col_count),
        values(random_values(1, rows * cols)),
        weight_scales(draw_scales(2, weight_count, cols)),
        input_scales(draw_scales(3, input_count, rows)) {}

  ArrivingGradient gradient() const {
    return {.rows = rows,
            .cols = cols,
            .weight_scales = weight_scales.empty() ? nullptr : weight_scales.data(),
            .weight_scales_count = static_cast<std::int64_t>(weight_scales.size()),
            .input_scales = input_scales.empty() ? nullptr : input_scales.data(),
            .input_scales_count = static_cast<std::int64_t>(input_scales.size())};
  }

  std::int64_t rows;
  std::int64_t cols;
  std::vector<float> values;
  std::vector<float> weight_scales;
  std::vector<float> input_scales;
};

/// The scale at `position`, of none, one or one each.
float scale_at(const std::vector<float>& scales, std::int64_t position) {
  if (scales.empty()) return 1.0F;
  return scales[scales.size() == 1 ? 0 : index(position)];
}

/// All that make_gradient_factors gives.
struct Factors {
  std::vector<float> for_input;
  std::vector<float> for_weight;
  std::vector<float> bias;

  bool operator==(const Factors&) const = default;
};

Factors factors_of(const Problem& problem) {
  Factors factors{std::vector<float>(problem.values.size(), 99.0F),
                  std::vector<float>(problem.values.size(), 99.0F),
                  std::vector<float>(index(problem.cols), std::numeric_limits<float>::quiet_NaN())};
  make_gradient_factors(problem.gradient(), problem.values.data(),
                        {.for_input = factors.for_input.data(),
                         .for_weight = factors.for_weight.data(),
                         .bias = factors.bias.data()});
  return factors;
}

/// Sums of rows against sums in double: each row rounds once, whatever the blocks.
void expect_row_sums(const Problem& problem, const std::vector<float>& actual) {
  for (std::int64_t col = 0; col < problem.cols; ++col) {
    double sum = 0.0;
    double magnitude = 0.0;
    for (std::int64_t row = 0; row < problem.rows; ++row) {
      const auto value = static_cast<double>(problem.values[index(row * problem.cols + col)]);
      sum += value;
      magnitude += std::fabs(value);
    }
    const double tolerance = static_cast<double>(problem.rows) * kRounding * magnitude;
    EXPECT_NEAR(static_cast<double>(actual[index(col)]), sum, tolerance) << col;
  }
}

void expect_formula(const Problem& problem) {
  const Factors actual = factors_of(problem);
  std::vector<float> for_input;
  std::vector<float> for_weight;
  for (std::int64_t row = 0; row < problem.rows; ++row) {
    for (std::int64_t col = 0; col < problem.cols; ++col) {
      const float value = problem.values[index(row * problem.cols + col)];
      for_input.push_back(value * scale_at(problem.weight_scales, col));
      for_weight.push_back(value * scale_at(problem.input_scales, row));
    }
  }
  EXPECT_EQ(actual.for_input, for_input);
  EXPECT_EQ(actual.for_weight, for_weight);
  expect_row_sums(problem, actual.bias);
}

template <typename Body>
void for_problems(const Body& body) {
  for (const std::int64_t rows : {1, 2, 31, 32, 33, 100}) {
    for (const std::int64_t cols : {1, 2, 15, 16, 17, 67}) {
      for (const Count weight : {Count::kNone, Count::kOne, Count::kEach}) {
        for (const Count input : {Count::kNone, Count::kOne, Count::kEach}) {
          const Problem problem(rows, cols, weight, input);
          SCOPED_TRACE(base::concat(rows, " x ", cols, ", ", problem.weight_scales.size(), " weight scales, ",
                                    problem.input_scales.size(), " input scales"));
          body(problem);
        }
      }
    }
  }
}

TEST(GradientFactorsTest, FactorsAreTheGradientTimesTheScalesToTheBit) {
  for_problems([](const Problem& problem) { expect_formula(problem); });
}

TEST(GradientFactorsTest, OneFactorServesBothWhereNeitherHasScales) {
  const Problem problem(37, 19, Count::kNone, Count::kNone);
  std::vector<float> factor(problem.values.size());
  std::vector<float> bias(index(problem.cols));
  make_gradient_factors(problem.gradient(), problem.values.data(),
                        {.for_input = factor.data(), .for_weight = factor.data(), .bias = bias.data()});
  EXPECT_EQ(factor, problem.values);
  expect_row_sums(problem, bias);
}

TEST(GradientFactorsTest, NoRowsGiveABiasOfZeros) {
  EXPECT_THAT(factors_of({0, 17, Count::kOne, Count::kEach}).bias, Each(0.0F));
}

TEST(GradientFactorsTest, DoesNotDependOnTheThreadCount) {
  const Problem problem(333, 65, Count::kEach, Count::kEach);
  expect_the_same_for_every_thread_count([&] { return factors_of(problem); });
}

}  // namespace
}  // namespace kdqat::kernels
