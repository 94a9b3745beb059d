#include "kdqat/kernels/gradient_factors.h"

#include <algorithm>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/column_sums.h"
#include "kdqat/simd/multiversion.h"

namespace kdqat::kernels {
std::vector<float> ArrivingGradient::column_scales() const {
  std::vector<float> scales(static_cast<std::size_t>(cols), 1.0F);
  for (std::int64_t i = 0; weight_scales != nullptr && i < cols; ++i) {
    scales[static_cast<std::size_t>(i)] = weight_scales[weight_scales_count == 1 ? 0 : i];
  }
  return scales;
}

float ArrivingGradient::row_scale(std::int64_t row) const {
  return input_scales == nullptr ? 1.0F : input_scales[input_scales_count == 1 ? 0 : row];
}

namespace {

KDQAT_MULTIVERSION
void convert_row(const float* values, std::int64_t cols, const float* col_scales, float row_scale,
                 float* for_input, float* for_weight, float* sums) {
  for (std::int64_t i = 0; i < cols; ++i) {
    const float value = values[i];
    for_input[i] = value * col_scales[i];
    for_weight[i] = value * row_scale;
    sums[i] += value;
  }
}

}  // namespace

void make_gradient_factors(const ArrivingGradient& gradient, const float* values,
                           const GradientFactors& factors) {
  const std::int64_t cols = gradient.cols;
  const std::vector<float> col_scales = gradient.column_scales();
  ColumnSums sums(gradient.rows, cols);
  base::parallel_for(0, sums.blocks(), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first * ColumnSums::kRows;
         row < std::min(gradient.rows, last * ColumnSums::kRows); ++row) {
      convert_row(values + row * cols, cols, col_scales.data(), gradient.row_scale(row),
                  factors.for_input + row * cols, factors.for_weight + row * cols, sums.term(row));
    }
  });
  sums.total(factors.bias);
}

}  // namespace kdqat::kernels
