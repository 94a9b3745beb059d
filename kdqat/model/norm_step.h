#pragma once

#include <torch/types.h>

#include <utility>

#include "kdqat/kernels/layer_norm.h"
#include "kdqat/model/dropout.h"
#include "kdqat/model/layer_norm.h"
#include "kdqat/quant/products.h"

/// LayerNorm as a step of fused operations, a group of rows at a time:
///
///   const NormStep step({.residual = hidden, .parameters = norm, .epsilon = 1e-12}, tokens, width);
///   step.run(rows, x_of_these_rows);      // step.out() = LayerNorm(x + hidden)
///   NormBackward backward(step.saved(x));
///   backward.take(rows, grad_output, grad_x, grad_residual);
///   const auto [weight, bias] = backward.finish();
namespace kdqat::model {

/// What a NormStep normalizes beside x, and how.
struct NormInputs {
  torch::Tensor residual =
      {};                    ///< float32 [T, D]; may still be written until its rows are run; undefined: none
  DropoutMask dropout = {};  ///< of x; none without a residual
  LayerNorm parameters = {};
  double epsilon = 1e-12;
};

/// A NormStep as its backward pass needs it.
struct SavedNorm {
  torch::Tensor x, residual, weight, mean, inverse_deviation;
  DropoutMask dropout;

  template <typename Visit>
  void for_each_tensor(const Visit& visit) {
    for (torch::Tensor* tensor : {&x, &residual, &weight, &mean, &inverse_deviation, &dropout.keep})
      visit(*tensor);
  }
};

/// The fused form of LayerNorm(dropout(x) + residual).
class NormStep {
 public:
  /// Of x [rows, cols].
  NormStep(NormInputs inputs, std::int64_t rows, std::int64_t cols);

  /// x: these rows of it.
  void run(const quant::RowRange& rows, const float* x) const;

  const torch::Tensor& out() const { return out_; }

  /// x: all of it, [T, D].
  SavedNorm saved(const torch::Tensor& x) const;

 private:
  NormInputs inputs_;
  torch::Tensor mean_, inverse_, out_;
};

/// Backward of a NormStep, a group of rows at a time.
class NormBackward {
 public:
  /// `saved` must live as long.
  explicit NormBackward(const SavedNorm& saved);

  /// From the gradient at these rows of the result to those of x and of the residual (nullptr: none), all
  /// [rows, D]; rows as kernels::LayerNormBackward has them.
  void take(const quant::RowRange& rows, const float* grad_output, float* x, float* residual) {
    kernel_.accumulate(rows.first, rows.count, grad_output, x, residual);
  }

  /// After all rows, the gradients of weight and bias.
  std::pair<torch::Tensor, torch::Tensor> finish() const;

 private:
  const SavedNorm& saved_;
  kernels::LayerNormBackward kernel_;
};

}  // namespace kdqat::model
