#include "kdqat/model/layer_norm.h"

#include <torch/nn/functional/normalization.h>

#include "kdqat/model/norm_step.h"

namespace kdqat::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class FusedLayerNorm : public torch::autograd::Function<FusedLayerNorm> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& residual, const torch::Tensor& weight,
                               const torch::Tensor& bias, const DropoutMask& dropout, double epsilon) {
    const NormStep step(x, residual, dropout, weight, bias, epsilon);
    step.run({.first = 0, .count = x.size(0)});
    context->save_for_backward(step.saved());
    context->saved_data["dropout_factor"] = dropout.factor;
    return step.out();
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const NormGradients result = norm_backward(saved.data(), context->saved_data["dropout_factor"].toDouble(),
                                               gradients[0].contiguous());
    return {result.x, result.residual, result.weight, result.bias, {}, {}};
  }
};

}  // namespace

torch::Tensor layer_norm(const torch::Tensor& x, const DropoutMask& dropout, const torch::Tensor& residual,
                         const LayerNorm& parameters, double epsilon, quant::Form form) {
  if (form == quant::Form::kFused) {
    return FusedLayerNorm::apply(x.contiguous(), residual.contiguous(), parameters.weight, parameters.bias,
                                 dropout, epsilon);
  }
  return torch::layer_norm(drop(x, dropout) + residual, {x.size(1)}, parameters.weight, parameters.bias,
                           epsilon);
}

}  // namespace kdqat::model
