#include "kdqat/model/layer_norm.h"

#include <torch/nn/functional/normalization.h>

#include "kdqat/kernels/layer_norm.h"

namespace kdqat::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

kernels::LayerNormInput input_of(const torch::Tensor& x, const DropoutMask& dropout,
                                 const torch::Tensor& residual) {
  return {.rows = x.size(0),
          .cols = x.size(1),
          .x = x.data_ptr<float>(),
          .dropout = kernel_dropout(dropout),
          .residual = residual.data_ptr<float>()};
}

class FusedLayerNorm : public torch::autograd::Function<FusedLayerNorm> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& residual, const torch::Tensor& weight,
                               const torch::Tensor& bias, const DropoutMask& dropout, double epsilon) {
    torch::Tensor out = torch::empty_like(x);
    const torch::Tensor mean = torch::empty({x.size(0)}, torch::kFloat32);
    const torch::Tensor inverse = torch::empty({x.size(0)}, torch::kFloat32);
    kernels::layer_norm_forward(
        input_of(x, dropout, residual),
        {.weight = weight.data_ptr<float>(),
         .bias = bias.data_ptr<float>(),
         .epsilon = static_cast<float>(epsilon)},
        {.mean = mean.data_ptr<float>(), .inverse_deviation = inverse.data_ptr<float>()},
        out.data_ptr<float>());
    context->save_for_backward({x, residual, weight, bias, mean, inverse, dropout.keep});
    context->saved_data["dropout_factor"] = dropout.factor;
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor& x = saved[0];
    const DropoutMask dropout{.keep = saved[6], .factor = context->saved_data["dropout_factor"].toDouble()};
    const torch::Tensor arriving = gradients[0].contiguous();
    const torch::Tensor of_sum = torch::empty_like(x);
    // Without dropout, x and the residual have one gradient.
    const torch::Tensor of_x = dropout.keep.defined() ? torch::empty_like(x) : of_sum;
    const torch::Tensor of_weight = torch::empty_like(saved[2]);
    const torch::Tensor of_bias = torch::empty_like(saved[3]);
    kernels::layer_norm_backward(
        input_of(x, dropout, saved[1]),
        {.weight = saved[2].data_ptr<float>(), .bias = saved[3].data_ptr<float>()},
        {.mean = saved[4].data_ptr<float>(), .inverse_deviation = saved[5].data_ptr<float>()},
        arriving.data_ptr<float>(),
        {.x = of_x.data_ptr<float>(),
         .residual = of_sum.data_ptr<float>(),
         .weight = of_weight.data_ptr<float>(),
         .bias = of_bias.data_ptr<float>()});
    return {of_x, of_sum, of_weight, of_bias, {}, {}};
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
