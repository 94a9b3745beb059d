#pragma once

#include <torch/types.h>

#include "kdqat/kernels/activation.h"

namespace kdqat::quant {

/// activation(x), from libtorch's operations: any shape and floating dtype, differentiable twice.
torch::Tensor activate(const torch::Tensor& x, kernels::Activation activation);

}  // namespace kdqat::quant
