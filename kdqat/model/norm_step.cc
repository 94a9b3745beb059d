#include "kdqat/model/norm_step.h"

namespace kdqat::model {
namespace {

kernels::LayerNormInput input_of(const torch::Tensor* saved, double dropout_factor) {
  return {.rows = saved[0].size(0),
          .cols = saved[0].size(1),
          .x = saved[0].data_ptr<float>(),
          .dropout = kernel_dropout({.keep = saved[5], .factor = dropout_factor}),
          .residual = saved[1].data_ptr<float>()};
}

}  // namespace

NormStep::NormStep(const torch::Tensor& residual, const DropoutMask& dropout, const torch::Tensor& weight,
                   const torch::Tensor& bias, double epsilon)
    : residual_(residual),
      dropout_(dropout),
      weight_(weight),
      bias_(bias),
      epsilon_(static_cast<float>(epsilon)),
      mean_(torch::empty({residual.size(0)}, torch::kFloat32)),
      inverse_(torch::empty({residual.size(0)}, torch::kFloat32)),
      out_(torch::empty(residual.sizes(), torch::kFloat32)) {}

void NormStep::run(const quant::RowRange& rows, const float* x) const {
  const std::int64_t offset = rows.first * residual_.size(1);
  kernels::Dropout dropout = kernel_dropout(dropout_);
  if (dropout.keep != nullptr) dropout.keep += offset;
  kernels::layer_norm_forward(
      {.rows = rows.count,
       .cols = residual_.size(1),
       .x = x,
       .dropout = dropout,
       .residual = residual_.data_ptr<float>() + offset},
      {.weight = weight_.data_ptr<float>(), .bias = bias_.data_ptr<float>(), .epsilon = epsilon_},
      {.mean = mean_.data_ptr<float>() + rows.first,
       .inverse_deviation = inverse_.data_ptr<float>() + rows.first},
      out_.data_ptr<float>() + offset);
}

std::vector<torch::Tensor> NormStep::saved(const torch::Tensor& x) const {
  return {x, residual_, weight_, mean_, inverse_, dropout_.keep};
}

NormBackward::NormBackward(const torch::Tensor* saved, double dropout_factor)
    : weight_(saved[2]),
      kernel_(input_of(saved, dropout_factor), {.weight = saved[2].data_ptr<float>()},
              {.mean = saved[3].data_ptr<float>(), .inverse_deviation = saved[4].data_ptr<float>()}) {}

std::pair<torch::Tensor, torch::Tensor> NormBackward::finish() const {
  std::pair<torch::Tensor, torch::Tensor> result(torch::empty_like(weight_), torch::empty_like(weight_));
  kernel_.finish(result.first.data_ptr<float>(), result.second.data_ptr<float>());
  return result;
}

}  // namespace kdqat::model
