#pragma once

#include <cstdint>
#include <memory>

#include "kdqat/kernels/gradient_factors.h"
#include "kdqat/simd/instruction_set.h"

namespace kdqat::kernels {

/// The factors of y = x w^T + b, x [T, K] and w [N, K] as int8 codes with scales, or as bfloat16, in panels
/// of their transposes (pack_transposed_bf16_panels).
struct Bf16BackwardFactors {
  ArrivingGradient arriving;                     ///< at y, [T, N], with the scales of the codes
  const std::uint16_t* weight_panels = nullptr;  ///< of w^T: K outputs of N inputs
  const std::uint16_t* input_panels = nullptr;   ///< of x^T: K outputs of T inputs
  std::int64_t inputs = 0;                       ///< K
};

/// Backward of y = x w^T + b with products in bfloat16, some rows at a time: rounds the scaled gradient to
/// bfloat16, half to even, and multiplies; sums of products are float32, in an order that depends on no
/// thread count.
class Bf16Backward {
 public:
  /// What `factors` point to must live as long. Throws InvalidArgument as multiply_bf16_panels does.
  explicit Bf16Backward(const Bf16BackwardFactors& factors,
                        simd::InstructionSet set = simd::default_instruction_set());
  ~Bf16Backward();
  Bf16Backward(const Bf16Backward&) = delete;
  Bf16Backward& operator=(const Bf16Backward&) = delete;

  /// Rows from `first` on, whole blocks of ColumnSums::kRows but for the last: from `grad_output` [count, N]
  /// the gradient of x [count, K], to which it is added if `add_to_x`. Threads may take different rows.
  void accumulate(std::int64_t first, std::int64_t count, const float* grad_output, float* x, bool add_to_x);

  /// After all rows, the gradients of the weight [N, K] and of the bias [N], a sum in blocks of fixed size.
  void finalize(float* weight, float* bias);

 private:
  class Products;
  std::unique_ptr<Products> products_;
};

}  // namespace kdqat::kernels
