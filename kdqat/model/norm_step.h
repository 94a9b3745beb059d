#pragma once

#include <torch/types.h>

#include <cstddef>
#include <utility>
#include <vector>

#include "kdqat/kernels/layer_norm.h"
#include "kdqat/model/dropout.h"
#include "kdqat/quant/products.h"

namespace kdqat::model {

/// The fused form of LayerNorm(dropout(x) + residual), a group of rows at a time, for operations of which it
/// is a step: residual float32 [T, D], weight and bias [D]. The residual may still be written until its rows
/// are run.
class NormStep {
 public:
  NormStep(const torch::Tensor& residual, const DropoutMask& dropout, const torch::Tensor& weight,
           const torch::Tensor& bias, double epsilon);

  /// x: these rows of it.
  void run(const quant::RowRange& rows, const float* x) const;

  const torch::Tensor& out() const { return out_; }

  /// For NormBackward; x: all of it, [T, D].
  std::vector<torch::Tensor> saved(const torch::Tensor& x) const;
  static constexpr std::size_t kSaved = 6;

 private:
  torch::Tensor residual_;
  DropoutMask dropout_;
  torch::Tensor weight_, bias_;
  float epsilon_;
  torch::Tensor mean_, inverse_, out_;
};

/// Backward of a NormStep, a group of rows at a time.
class NormBackward {
 public:
  /// From the kSaved tensors of NormStep::saved(), which must live as long, and its mask's factor.
  NormBackward(const torch::Tensor* saved, double dropout_factor);

  /// From what arrives at these rows of the result to the gradients of x and of the residual, all [rows, D];
  /// rows as kernels::LayerNormBackward has them.
  void take(const quant::RowRange& rows, const float* arriving, float* x, float* residual) {
    kernel_.take(rows.first, rows.count, arriving, x, residual);
  }

  /// After all rows, the gradients of weight and bias.
  std::pair<torch::Tensor, torch::Tensor> finish() const;

 private:
  const torch::Tensor& weight_;
  kernels::LayerNormBackward kernel_;
};

}  // namespace kdqat::model
