#include "kdqat/quant/embedding.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/kernels/quantize.h"

namespace kdqat::quant {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::Tensor looked_up_rows(const torch::Tensor& ids, const torch::Tensor& weight,
                             std::optional<Quantizer> quantizer) {
  const torch::Tensor rows = weight.index_select(0, ids);
  return quantizer ? fake_quantize(rows, *quantizer, Granularity::kPerRow) : rows;
}

/// Gradients [T, D] of the tokens' rows, summed by id in the tokens' order: a coalesced sparse [V, D].
torch::Tensor sum_by_id(const torch::Tensor& ids, const torch::Tensor& gradient, std::int64_t vocab_size) {
  const auto* id = ids.data_ptr<std::int64_t>();
  const std::int64_t width = gradient.size(1);
  std::vector<std::int64_t> order(static_cast<std::size_t>(ids.numel()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return id[a] < id[b]; });

  std::vector<std::int64_t> unique;
  for (const std::int64_t token : order) {
    if (unique.empty() || unique.back() != id[token]) unique.push_back(id[token]);
  }
  const auto count = static_cast<std::int64_t>(unique.size());
  torch::Tensor values = torch::zeros({count, width}, torch::kFloat32);
  std::int64_t row = -1;
  std::int64_t previous = -1;
  for (const std::int64_t token : order) {
    if (id[token] != previous) ++row;
    previous = id[token];
    const float* source = gradient.data_ptr<float>() + token * width;
    float* sum = values.data_ptr<float>() + row * width;
    for (std::int64_t i = 0; i < width; ++i) sum[i] += source[i];
  }
  const torch::Tensor indices = torch::tensor(unique, torch::kInt64).unsqueeze(0);
  return torch::sparse_coo_tensor(indices, values, {vocab_size, width}, torch::kFloat32)._coalesced_(true);
}

class FusedEmbedding : public torch::autograd::Function<FusedEmbedding> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& weight,
                               const torch::Tensor& ids, std::optional<Quantizer> quantizer) {
    context->save_for_backward({ids, weight});
    context->saved_data["quantized"] = quantizer.has_value();
    return looked_up_rows(ids, weight, quantizer);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    torch::Tensor gradient = gradients[0].contiguous();
    if (context->saved_data["quantized"].toBool()) {
      gradient = gradient * pass_through_mask(saved[1].index_select(0, saved[0]));
    }
    return {sum_by_id(saved[0], gradient, saved[1].size(0)), {}, {}};
  }
};

void check(const torch::Tensor& ids, const torch::Tensor& weight, Form form) {
  if (ids.dim() != 1 || ids.scalar_type() != torch::kInt64 || weight.dim() != 2) {
    throw base::InvalidArgument(base::concat("embedding: expected ids int64 [T] and weight [V, D], found ",
                                             ids.scalar_type(), " ", ids.sizes(), " and ", weight.sizes()));
  }
  if (form == Form::kFused && (weight.scalar_type() != torch::kFloat32 || !weight.device().is_cpu())) {
    throw base::InvalidArgument(base::concat("embedding: the fused form takes float32 on a CPU, found ",
                                             weight.scalar_type(), " on ", weight.device()));
  }
  if (ids.numel() == 0) return;
  const auto smallest = ids.min().item<std::int64_t>();
  const auto largest = ids.max().item<std::int64_t>();
  if (smallest < 0 || largest >= weight.size(0)) {
    throw base::InvalidArgument(base::concat("embedding: expected ids from 0 to ", weight.size(0) - 1,
                                             ", found ", smallest < 0 ? smallest : largest));
  }
}

}  // namespace

torch::Tensor embedding(const torch::Tensor& ids, const torch::Tensor& weight,
                        std::optional<Quantizer> quantizer, Form form) {
  check(ids, weight, form);
  if (form == Form::kFused) return FusedEmbedding::apply(weight, ids.contiguous(), quantizer);
  return looked_up_rows(ids, weight, quantizer);
}

}  // namespace kdqat::quant
