#include "kdqat/kernels/gradient_factors.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/bf16.h"
#include "kdqat/kernels/column_sums.h"
#include "kdqat/kernels/multiversion.h"

namespace kdqat::kernels {
namespace {

template <typename Element>
__attribute__((always_inline)) inline Element element_of(float value) {
  if constexpr (std::is_same_v<Element, float>) {
    return value;
  } else {
    return bf16_bits(value);
  }
}

template <typename Element>
__attribute__((always_inline)) inline void convert_row(const float* values, std::int64_t cols,
                                                       const float* col_scales, float row_scale,
                                                       Element* for_input, Element* for_weight, float* sums) {
  for (std::int64_t i = 0; i < cols; ++i) {
    const float value = values[i];
    for_input[i] = element_of<Element>(value * col_scales[i]);
    for_weight[i] = element_of<Element>(value * row_scale);
    sums[i] += value;
  }
}

KDQAT_MULTIVERSION
void convert_row_to(const float* values, std::int64_t cols, const float* col_scales, float row_scale,
                    std::uint16_t* for_input, std::uint16_t* for_weight, float* sums) {
  convert_row(values, cols, col_scales, row_scale, for_input, for_weight, sums);
}

KDQAT_MULTIVERSION
void convert_row_to(const float* values, std::int64_t cols, const float* col_scales, float row_scale,
                    float* for_input, float* for_weight, float* sums) {
  convert_row(values, cols, col_scales, row_scale, for_input, for_weight, sums);
}

template <typename Element>
void convert_all(const ArrivingGradient& gradient, const GradientFactors& factors) {
  const std::int64_t cols = gradient.cols;
  std::vector<float> col_scales(static_cast<std::size_t>(cols), 1.0F);
  if (gradient.weight_scales != nullptr) {
    for (std::int64_t i = 0; i < cols; ++i) {
      col_scales[static_cast<std::size_t>(i)] =
          gradient.weight_scales[gradient.weight_scales_count == 1 ? 0 : i];
    }
  }
  ColumnSums sums(gradient.rows, cols);
  base::parallel_for(0, sums.blocks(), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first * ColumnSums::kRows;
         row < std::min(gradient.rows, last * ColumnSums::kRows); ++row) {
      const float row_scale = gradient.input_scales == nullptr
                                  ? 1.0F
                                  : gradient.input_scales[gradient.input_scales_count == 1 ? 0 : row];
      convert_row_to(gradient.values + row * cols, cols, col_scales.data(), row_scale,
                     static_cast<Element*>(factors.for_input) + row * cols,
                     static_cast<Element*>(factors.for_weight) + row * cols, sums.term(row));
    }
  });
  sums.total(factors.bias);
}

}  // namespace

void make_gradient_factors(const ArrivingGradient& gradient, const GradientFactors& factors) {
  if (factors.type == ElementType::kBF16) {
    convert_all<std::uint16_t>(gradient, factors);
  } else {
    convert_all<float>(gradient, factors);
  }
}

}  // namespace kdqat::kernels
