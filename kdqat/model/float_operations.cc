#include "kdqat/model/float_operations.h"

#include <vector>

#include "kdqat/kernels/float_linear.h"

namespace kdqat::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class FusedFloatLinear : public torch::autograd::Function<FusedFloatLinear> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& bias) {
    context->save_for_backward({x, weight});
    torch::Tensor out = torch::empty({x.size(0), weight.size(0)}, torch::kFloat32);
    kernels::multiply_float({.rows = x.size(0), .inputs = x.size(1), .outputs = weight.size(0)},
                            {.weight = weight.data_ptr<float>(), .bias = bias.data_ptr<float>()},
                            x.data_ptr<float>(), out.data_ptr<float>());
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor& grad_output = grad_outputs[0];
    return {torch::matmul(grad_output, saved[1]), torch::matmul(grad_output.t(), saved[0]),
            grad_output.sum(0)};
  }
};

class FusedMean : public torch::autograd::Function<FusedMean> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const std::vector<std::int64_t>& cu_seqlens) {
    context->saved_data["cu_seqlens"] = cu_seqlens;
    torch::Tensor means =
        torch::empty({static_cast<std::int64_t>(cu_seqlens.size()) - 1, x.size(1)}, torch::kFloat32);
    kernels::mean_of_sequences(cu_seqlens, x.size(1), x.data_ptr<float>(), means.data_ptr<float>());
    return means;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    const std::vector<std::int64_t> cu_seqlens = context->saved_data["cu_seqlens"].toIntVector();
    std::vector<std::int64_t> lengths;
    for (std::size_t b = 1; b < cu_seqlens.size(); ++b) lengths.push_back(cu_seqlens[b] - cu_seqlens[b - 1]);
    const torch::Tensor counts = torch::tensor(lengths, torch::kInt64);
    return {(grad_outputs[0] / counts.unsqueeze(1)).repeat_interleave(counts, 0), {}};
  }
};

}  // namespace

torch::Tensor float_linear(const torch::Tensor& x, const quant::LinearParameters& layer, quant::Form form) {
  if (form == quant::Form::kFused) {
    return FusedFloatLinear::apply(x.contiguous(), layer.weight.contiguous(), layer.bias.contiguous());
  }
  return torch::matmul(x, layer.weight.t()) + layer.bias;
}

torch::Tensor mean_of_sequences(const torch::Tensor& x, std::span<const std::int64_t> cu_seqlens,
                                quant::Form form) {
  if (form == quant::Form::kFused) {
    return FusedMean::apply(x.contiguous(), std::vector<std::int64_t>(cu_seqlens.begin(), cu_seqlens.end()));
  }
  std::vector<torch::Tensor> means;
  for (std::size_t b = 1; b < cu_seqlens.size(); ++b) {
    means.push_back(x.slice(0, cu_seqlens[b - 1], cu_seqlens[b]).mean(0));
  }
  return torch::stack(means);
}

}  // namespace kdqat::model
