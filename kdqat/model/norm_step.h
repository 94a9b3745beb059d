#pragma once

#include <torch/types.h>

#include <cstddef>
#include <vector>

#include "kdqat/model/dropout.h"
#include "kdqat/quant/products.h"

namespace kdqat::model {

/// The fused form of LayerNorm(dropout(x) + residual), a group of rows at a time, for operations of which it
/// is a step: x and residual float32 [T, D], weight and bias [D]. x and residual may still be written until
/// their rows are run.
class NormStep {
 public:
  NormStep(const torch::Tensor& x, const torch::Tensor& residual, const DropoutMask& dropout,
           const torch::Tensor& weight, const torch::Tensor& bias, double epsilon);

  void run(const quant::RowRange& rows) const;

  const torch::Tensor& out() const { return out_; }

  /// For norm_backward.
  std::vector<torch::Tensor> saved() const;
  static constexpr std::size_t kSaved = 6;

 private:
  torch::Tensor x_, residual_;
  DropoutMask dropout_;
  torch::Tensor weight_, bias_;
  float epsilon_;
  torch::Tensor mean_, inverse_, out_;
};

/// Gradients of a NormStep.
struct NormGradients {
  torch::Tensor x, residual, weight, bias;
};

/// From the kSaved tensors of NormStep::saved(), its mask's factor, and what arrives at its result,
/// contiguous.
NormGradients norm_backward(const torch::Tensor* saved, double dropout_factor, const torch::Tensor& arriving);

}  // namespace kdqat::model
