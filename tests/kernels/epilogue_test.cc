#include "kdqat/kernels/epilogue.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

std::vector<std::int32_t> random_sums(std::uint64_t seed, std::int64_t count) {
  std::vector<std::int32_t> sums;
  for (const float x : random_values(seed, count, -2e8, 2e8)) sums.push_back(static_cast<std::int32_t>(x));
  return sums;
}

/// The factors of an epilogue of a size, with one scale or one a row and a column.
struct Problem {
  Problem(std::int64_t rows, std::int64_t cols, bool scale_a_row, bool scale_a_col)
      : row_scales(random_values(1, scale_a_row ? rows : 1, 0.0, 0.1)),
        col_scales(random_values(2, scale_a_col ? cols : 1, 0.0, 0.1)),
        bias(random_values(3, cols)),
        epilogue{.rows = rows,
                 .cols = cols,
                 .row_scales = row_scales.data(),
                 .row_scales_count = static_cast<std::int64_t>(row_scales.size()),
                 .col_scales = col_scales.data(),
                 .col_scales_count = static_cast<std::int64_t>(col_scales.size()),
                 .bias = bias.data()} {}

  std::vector<float> row_scales;
  std::vector<float> col_scales;
  std::vector<float> bias;
  Epilogue epilogue;
};

void expect_formula(const Problem& problem) {
  const auto [rows, cols] = std::pair(problem.epilogue.rows, problem.epilogue.cols);
  const std::vector<std::int32_t> sums = random_sums(4, rows * cols);
  std::vector<std::int32_t> in_place = sums;
  apply_epilogue(problem.epilogue, in_place.data());
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t col = 0; col < cols; ++col) {
      const double product =
          static_cast<double>(sums[index(row * cols + col)]) *
          static_cast<double>(problem.row_scales[problem.row_scales.size() == 1 ? 0 : index(row)]) *
          static_cast<double>(problem.col_scales[problem.col_scales.size() == 1 ? 0 : index(col)]);
      const double expected = product + static_cast<double>(problem.bias[index(col)]);
      // The sum, the product of the scales and their product are rounded once each, then the result.
      const double tolerance = 0x1p-24 * (3.001 * std::fabs(product) + std::fabs(expected)) * 1.001;
      EXPECT_NEAR(static_cast<double>(std::bit_cast<float>(in_place[index(row * cols + col)])), expected,
                  tolerance);
    }
  }
}

TEST(EpilogueTest, SumsBecomeScaledFloatsWithABiasAtEverySizeAndGranularity) {
  for (std::int64_t cols = 1; cols <= 67; cols += 3) {
    for (const std::int64_t rows : {1, 2, 5}) {
      for (const bool scale_a_row : {false, true}) {
        for (const bool scale_a_col : {false, true}) expect_formula({rows, cols, scale_a_row, scale_a_col});
      }
    }
  }
  expect_formula({301, 257, true, true});
}

TEST(EpilogueTest, DoesNotDependOnTheThreadCount) {
  const Problem problem(100, 1001, true, true);
  expect_the_same_for_every_thread_count([&] {
    std::vector<std::int32_t> sums = random_sums(6, 100 * 1001);
    apply_epilogue(problem.epilogue, sums.data());
    return sums;
  });
}

}  // namespace
}  // namespace kdqat::kernels
