#include "kdqat/model/norm_step.h"

#include "kdqat/kernels/layer_norm.h"

namespace kdqat::model {

NormStep::NormStep(const torch::Tensor& x, const torch::Tensor& residual, const DropoutMask& dropout,
                   const torch::Tensor& weight, const torch::Tensor& bias, double epsilon)
    : x_(x),
      residual_(residual),
      dropout_(dropout),
      weight_(weight),
      bias_(bias),
      epsilon_(static_cast<float>(epsilon)),
      mean_(torch::empty({x.size(0)}, torch::kFloat32)),
      inverse_(torch::empty({x.size(0)}, torch::kFloat32)),
      out_(torch::empty(x.sizes(), torch::kFloat32)) {}

void NormStep::run(const quant::RowRange& rows) const {
  const std::int64_t offset = rows.first * x_.size(1);
  kernels::Dropout dropout = kernel_dropout(dropout_);
  if (dropout.keep != nullptr) dropout.keep += offset;
  kernels::layer_norm_forward(
      {.rows = rows.count,
       .cols = x_.size(1),
       .x = x_.data_ptr<float>() + offset,
       .dropout = dropout,
       .residual = residual_.data_ptr<float>() + offset},
      {.weight = weight_.data_ptr<float>(), .bias = bias_.data_ptr<float>(), .epsilon = epsilon_},
      {.mean = mean_.data_ptr<float>() + rows.first,
       .inverse_deviation = inverse_.data_ptr<float>() + rows.first},
      out_.data_ptr<float>() + offset);
}

std::vector<torch::Tensor> NormStep::saved() const {
  return {x_, residual_, weight_, mean_, inverse_, dropout_.keep};
}

NormGradients norm_backward(const torch::Tensor* saved, double dropout_factor,
                            const torch::Tensor& arriving) {
  const DropoutMask dropout{.keep = saved[5], .factor = dropout_factor};
  NormGradients result{.x = {},
                       .residual = torch::empty_like(saved[0]),
                       .weight = torch::empty_like(saved[2]),
                       .bias = torch::empty_like(saved[2])};
  // Without dropout, x and the residual have one gradient.
  result.x = dropout.keep.defined() ? torch::empty_like(saved[0]) : result.residual;
  kernels::layer_norm_backward(
      {.rows = saved[0].size(0),
       .cols = saved[0].size(1),
       .x = saved[0].data_ptr<float>(),
       .dropout = kernel_dropout(dropout),
       .residual = saved[1].data_ptr<float>()},
      {.weight = saved[2].data_ptr<float>()},
      {.mean = saved[3].data_ptr<float>(), .inverse_deviation = saved[4].data_ptr<float>()},
      arriving.data_ptr<float>(),
      {.x = result.x.data_ptr<float>(),
       .residual = result.residual.data_ptr<float>(),
       .weight = result.weight.data_ptr<float>(),
       .bias = result.bias.data_ptr<float>()});
  return result;
}

}  // namespace kdqat::model
