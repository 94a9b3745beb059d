#pragma once

#include <cstdint>
#include <functional>

#include "kdqat/kernels/gradient_factors.h"
#include "kdqat/kernels/instruction_set.h"

namespace kdqat::kernels {

/// Backward of y = x w^T + b with products in bfloat16: x [T, K] and w [N, K] as int8 codes with scales, or
/// as bfloat16, in panels of their transposes (pack_transposed_bf16_panels).
struct Bf16Backward {
  ArrivingGradient arriving;                     ///< at y, [T, N], and the scales of the codes
  const std::uint16_t* weight_panels = nullptr;  ///< of w^T: K outputs of N inputs
  const std::uint16_t* input_panels = nullptr;   ///< of x^T: K outputs of T inputs
  std::int64_t inputs = 0;                       ///< K
  bool accumulate = false;                       ///< x_gradient += instead of x_gradient =

  /// Called with (first row, rows) when these rows of x_gradient are done, in their thread; may be empty.
  std::function<void(std::int64_t, std::int64_t)> finish_rows;
};

/// What backward gives, float32.
struct Bf16Gradients {
  float* x = nullptr;       ///< [T, K]: (arriving * weight scales) w
  float* weight = nullptr;  ///< [N, K]: (arriving * input scales)^T x
  float* bias = nullptr;    ///< [N]: the sum of arriving, in blocks of fixed size
};

/// Rounds the scaled gradient to bfloat16, half to even, and multiplies; sums of products are float32, in an
/// order that depends on no thread count. Takes a group of rows through all of it at a time. Throws
/// InvalidArgument as multiply_bf16_panels does.
void multiply_bf16_backward(const Bf16Backward& backward, const Bf16Gradients& gradients,
                            InstructionSet set = default_instruction_set());

}  // namespace kdqat::kernels
