#include "kdqat/model/norm_step.h"

namespace kdqat::model {
namespace {

const float* values_or_null(const torch::Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<float>() : nullptr;
}

kernels::LayerNormInput input_of(const SavedNorm& saved) {
  return {.rows = saved.x.size(0),
          .cols = saved.x.size(1),
          .x = saved.x.data_ptr<float>(),
          .dropout = kernel_dropout(saved.dropout),
          .residual = values_or_null(saved.residual)};
}

}  // namespace

NormStep::NormStep(NormInputs inputs, std::int64_t rows, std::int64_t cols)
    : inputs_(std::move(inputs)),
      mean_(torch::empty({rows}, torch::kFloat32)),
      inverse_(torch::empty({rows}, torch::kFloat32)),
      out_(torch::empty({rows, cols}, torch::kFloat32)) {}

void NormStep::run(const quant::RowRange& rows, const float* x) const {
  const std::int64_t cols = out_.size(1);
  kernels::layer_norm_forward(
      {.rows = rows.count,
       .cols = cols,
       .x = x,
       .dropout = kernel_dropout(inputs_.dropout, rows.first * cols),
       .residual = inputs_.residual.defined() ? quant::rows_of(inputs_.residual, rows) : nullptr},
      {.weight = inputs_.parameters.weight.data_ptr<float>(),
       .bias = inputs_.parameters.bias.data_ptr<float>(),
       .epsilon = static_cast<float>(inputs_.epsilon)},
      {.mean = mean_.data_ptr<float>() + rows.first,
       .inverse_deviation = inverse_.data_ptr<float>() + rows.first},
      quant::rows_of(out_, rows));
}

SavedNorm NormStep::saved(const torch::Tensor& x) const {
  return {.x = x,
          .residual = inputs_.residual,
          .weight = inputs_.parameters.weight,
          .mean = mean_,
          .inverse_deviation = inverse_,
          .dropout = inputs_.dropout};
}

NormBackward::NormBackward(const SavedNorm& saved)
    : saved_(saved),
      kernel_(input_of(saved), {.weight = saved.weight.data_ptr<float>()},
              {.mean = saved.mean.data_ptr<float>(),
               .inverse_deviation = saved.inverse_deviation.data_ptr<float>()}) {}

std::pair<torch::Tensor, torch::Tensor> NormBackward::finish() const {
  std::pair<torch::Tensor, torch::Tensor> result(torch::empty_like(saved_.weight),
                                                 torch::empty_like(saved_.weight));
  kernel_.finalize(result.first.data_ptr<float>(), result.second.data_ptr<float>());
  return result;
}

}  // namespace kdqat::model
