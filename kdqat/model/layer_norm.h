#pragma once

#include <torch/types.h>

#include "kdqat/model/dropout.h"
#include "kdqat/quant/linear.h"

namespace kdqat::model {

struct LayerNorm {
  torch::Tensor weight;  ///< [D]
  torch::Tensor bias;    ///< [D]
};

/// LayerNorm(dropout(x) + residual) over the last dimension of [T, D]; an undefined residual is none.
/// Differentiable in x, residual, weight and bias. The fused form takes float32 on a CPU.
torch::Tensor layer_norm(const torch::Tensor& x, const DropoutMask& dropout, const torch::Tensor& residual,
                         const LayerNorm& parameters, double epsilon, quant::Form form);

}  // namespace kdqat::model
