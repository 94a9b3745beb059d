#include "kdqat/quant/activation.h"

namespace kdqat::quant {

torch::Tensor activate(const torch::Tensor& x, kernels::Activation activation) {
  switch (activation) {
    case kernels::Activation::kGelu:
      return torch::gelu(x);
    case kernels::Activation::kGeluTanh:
      return torch::gelu(x, "tanh");
    case kernels::Activation::kRelu:
      return torch::relu(x);
    case kernels::Activation::kSilu:
      return torch::silu(x);
    case kernels::Activation::kTanh:
      break;
  }
  return torch::tanh(x);
}

}  // namespace kdqat::quant
