#include "kdqat/model/rotary.h"

#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/kernels/rotary.h"
#include "kdqat/model/attention.h"
#include "kdqat/quant/saved_state.h"

namespace kdqat::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class FusedRotary : public torch::autograd::Function<FusedRotary> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const RotaryInputs& inputs) {
    const Saved saved{.cu_seqlens = {inputs.cu_seqlens.begin(), inputs.cu_seqlens.end()},
                      .heads = inputs.heads,
                      .theta = inputs.theta};
    torch::Tensor out = x.clone();
    kernels::rotate_heads(saved.table(x.size(1)), saved.shape(x.size(1)), out.data_ptr<float>());
    quant::save_state(context, saved);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    const auto saved = quant::load_state<Saved>(context);
    torch::Tensor gradient = grad_outputs[0].contiguous().clone();
    const std::int64_t width = gradient.size(1);
    kernels::rotate_heads_backward(saved.table(width), saved.shape(width), gradient.data_ptr<float>());
    return {gradient, {}};
  }

 private:
  struct Saved {
    std::vector<std::int64_t> cu_seqlens;
    std::int64_t heads = 1;
    double theta = 1.0;

    template <typename Visit>
    void for_each_tensor(const Visit& /*visit*/) {}

    kernels::AttentionShape shape(std::int64_t width) const {
      return {.cu_seqlens = cu_seqlens, .heads = heads, .head_size = width / heads};
    }
    kernels::RotaryTable table(std::int64_t width) const {
      return {theta, width / heads, longest_sequence(cu_seqlens)};
    }
  };
};

torch::Tensor reference_rotary(const torch::Tensor& x, const RotaryInputs& inputs, std::int64_t head_size) {
  std::vector<torch::Tensor> positions;
  for (std::size_t b = 1; b < inputs.cu_seqlens.size(); ++b) {
    positions.push_back(torch::arange(inputs.cu_seqlens[b] - inputs.cu_seqlens[b - 1], torch::kFloat32));
  }
  const torch::Tensor exponents = torch::arange(0, head_size, 2, torch::kFloat32) / head_size;
  const torch::Tensor frequencies = 1.0 / torch::pow(inputs.theta, exponents);       // [h / 2]
  const torch::Tensor angles = torch::cat(positions).unsqueeze(1) * frequencies;     // [T, h / 2]
  const torch::Tensor cosine = torch::cos(angles).unsqueeze(1).to(x.scalar_type());  // [T, 1, h / 2]
  const torch::Tensor sine = torch::sin(angles).unsqueeze(1).to(x.scalar_type());
  const torch::Tensor of_heads = x.view({x.size(0), inputs.heads, 2, head_size / 2});
  const torch::Tensor low = of_heads.select(2, 0);
  const torch::Tensor high = of_heads.select(2, 1);
  return torch::stack({low * cosine - high * sine, high * cosine + low * sine}, 2).reshape(x.sizes());
}

}  // namespace

torch::Tensor rotary_embedding(const torch::Tensor& x, const RotaryInputs& inputs, quant::Form form) {
  const std::int64_t head_size = x.size(1) / inputs.heads;
  if (head_size % 2 != 0) {
    throw base::InvalidArgument(
        base::concat("rotary embedding: expected an even head size, found ", head_size));
  }
  return form == quant::Form::kFused ? FusedRotary::apply(x.contiguous(), inputs)
                                     : reference_rotary(x, inputs, head_size);
}

}  // namespace kdqat::model
