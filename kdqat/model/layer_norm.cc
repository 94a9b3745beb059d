#include "kdqat/model/layer_norm.h"

#include <torch/nn/functional/normalization.h>

#include "kdqat/model/norm_step.h"
#include "kdqat/quant/saved_state.h"

namespace kdqat::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class FusedLayerNorm : public torch::autograd::Function<FusedLayerNorm> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& residual, const torch::Tensor& weight,
                               const torch::Tensor& bias, const DropoutMask& dropout, double epsilon) {
    const NormStep step({.residual = residual.numel() == 0 ? torch::Tensor() : residual,
                         .dropout = dropout,
                         .parameters = {.weight = weight, .bias = bias},
                         .epsilon = epsilon},
                        x.size(0), x.size(1));
    step.run({.first = 0, .count = x.size(0)}, x.data_ptr<float>());
    quant::save_state(context, step.saved(x));
    return step.out();
  }

  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    const auto saved = quant::load_state<SavedNorm>(context);
    NormBackward step(saved);
    const torch::Tensor grad_output = grad_outputs[0].contiguous();
    torch::Tensor residual;
    if (saved.residual.defined()) residual = torch::empty_like(grad_output);
    // Without dropout, x and the residual have one gradient.
    const bool same = residual.defined() && !saved.dropout.keep.defined();
    const torch::Tensor x = same ? residual : torch::empty_like(grad_output);
    step.take({.first = 0, .count = grad_output.size(0)}, grad_output.data_ptr<float>(), x.data_ptr<float>(),
              residual.defined() ? residual.data_ptr<float>() : nullptr);
    const auto [weight, bias] = step.finish();
    return {x, residual, weight, bias, {}, {}};
  }
};

}  // namespace

torch::Tensor layer_norm(const torch::Tensor& x, const DropoutMask& dropout, const torch::Tensor& residual,
                         const LayerNorm& parameters, double epsilon, quant::Form form) {
  if (form == quant::Form::kFused) {
    return FusedLayerNorm::apply(x.contiguous(), residual.defined() ? residual.contiguous() : residual,
                                 parameters.weight, parameters.bias, dropout, epsilon);
  }
  const torch::Tensor dropped = drop(x, dropout);
  return torch::layer_norm(residual.defined() ? dropped + residual : dropped, {x.size(1)}, parameters.weight,
                           parameters.bias, epsilon);
}

}  // namespace kdqat::model
