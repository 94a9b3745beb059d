#pragma once

#include <cstdint>
#include <vector>

namespace kdqat::kernels {

/// Of the gradient that arrives at y = x W^T + b, float32 [rows, cols] = [T, out], its shape and the scales
/// of the codes that it is about to meet, which are applied to it, so that the codes enter the products as
/// they are: integers, exact in bfloat16 too.
struct ArrivingGradient {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const float* weight_scales = nullptr;  ///< [cols], or [1] if weight_scales_count is 1; nullptr: ones
  std::int64_t weight_scales_count = 1;
  const float* input_scales = nullptr;  ///< [rows], or [1] if input_scales_count is 1; nullptr: ones
  std::int64_t input_scales_count = 1;

  std::vector<float> column_scales() const;  ///< the weight's, [cols]
  float row_scale(std::int64_t row) const;   ///< the input's
};

/// What one pass over the gradient gives, float32.
struct GradientFactors {
  float* for_input = nullptr;   ///< [rows, cols] times weight_scales: meets the codes of W
  float* for_weight = nullptr;  ///< [rows, cols] times input_scales: meets the codes of x; may be for_input
                                ///< where neither has scales
  float* bias = nullptr;        ///< [cols]: the sum of the rows, in blocks of fixed size
};

/// From the gradient's values; writes all of `factors`.
void make_gradient_factors(const ArrivingGradient& gradient, const float* values,
                           const GradientFactors& factors);

}  // namespace kdqat::kernels
