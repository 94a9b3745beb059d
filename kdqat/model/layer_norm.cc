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
    const NormStep step(residual, dropout, weight, bias, epsilon);
    step.run({.first = 0, .count = x.size(0)}, x.data_ptr<float>());
    context->save_for_backward(step.saved(x));
    context->saved_data["dropout_factor"] = dropout.factor;
    return step.out();
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    NormBackward step(saved.data(), context->saved_data["dropout_factor"].toDouble());
    const torch::Tensor arriving = gradients[0].contiguous();
    const torch::Tensor residual = torch::empty_like(arriving);
    // Without dropout, x and the residual have one gradient.
    const torch::Tensor x = saved[5].defined() ? torch::empty_like(arriving) : residual;
    step.take({.first = 0, .count = arriving.size(0)}, arriving.data_ptr<float>(), x.data_ptr<float>(),
              residual.data_ptr<float>());
    const auto [weight, bias] = step.finish();
    return {x, residual, weight, bias, {}, {}};
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
