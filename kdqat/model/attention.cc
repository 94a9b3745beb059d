#include "kdqat/model/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "kdqat/kernels/quantize.h"
#include "kdqat/quant/fake_quantize.h"
#include "kdqat/quant/saved_state.h"

namespace kdqat::model {
namespace {

using kernels::AttentionScales;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

float* data_or_null(const torch::Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<float>() : nullptr;
}

torch::Tensor contiguous_or_undefined(const torch::Tensor& tensor) {
  return tensor.defined() ? tensor.contiguous() : tensor;
}

torch::Tensor empty_like_or_undefined(const torch::Tensor& tensor) {
  return tensor.defined() ? torch::empty_like(tensor) : tensor;
}

/// 1 / sqrt(head size times the kinds of products in the scores).
double score_factor(const AttentionTerms& terms, std::int64_t head_size) {
  const int kinds = 1 + (terms.position_key.defined() ? 1 : 0) + (terms.position_query.defined() ? 1 : 0);
  return 1.0 / std::sqrt(static_cast<double>(head_size * kinds));
}

class FusedAttention : public torch::autograd::Function<FusedAttention> {
 public:
  static variable_list forward(AutogradContext* context, const torch::Tensor& query, const torch::Tensor& key,
                               const torch::Tensor& value, const torch::Tensor& /*bias*/,
                               const torch::Tensor& /*position_key*/, const torch::Tensor& /*position_query*/,
                               const AttentionInputs& inputs) {
    const auto& [window, bias, position_key, position_query, relative_rows] = inputs.terms;
    Saved saved{.cu_seqlens = {inputs.cu_seqlens.begin(), inputs.cu_seqlens.end()},
                .heads = inputs.heads,
                .head_size = query.size(1) / inputs.heads,
                .scales = inputs.scales,
                .window = window,
                .factor = score_factor(inputs.terms, query.size(1) / inputs.heads),
                .dropout = inputs.dropout,
                .rows = {relative_rows.begin(), relative_rows.end()},
                .bias = contiguous_or_undefined(bias)};
    const std::vector<std::int64_t> positions = {0, position_key.defined()     ? position_key.size(0)
                                                    : position_query.defined() ? position_query.size(0)
                                                                               : 0};
    saved.query = Operand(query, saved.shape(), inputs.scales);
    saved.key = Operand(key, saved.shape(), inputs.scales);
    saved.value = Operand(value, saved.shape(), inputs.scales);
    kernels::AttentionShape of_positions = saved.shape();
    of_positions.cu_seqlens = positions;
    saved.position_key = Operand(position_key, of_positions, inputs.scales);
    saved.position_query = Operand(position_query, of_positions, inputs.scales);
    const torch::Tensor scores = torch::empty({saved.shape().ragged_size()}, torch::kFloat32);
    saved.map = torch::empty_like(scores);
    const bool used_as_it_is = !inputs.dropout.keep.defined() && inputs.scales == AttentionScales::kNone;
    saved.used_map = used_as_it_is ? saved.map : torch::empty_like(scores);
    const torch::Tensor product = torch::empty_like(saved.query.values);
    const torch::Tensor map = saved.map;
    kernels::attention_forward(saved.input(), {.scores = scores.data_ptr<float>(),
                                               .map = map.data_ptr<float>(),
                                               .quantized_map = saved.used_map.data_ptr<float>(),
                                               .context = product.data_ptr<float>()});
    context->set_materialize_grads(false);
    quant::save_state(context, std::move(saved));
    return {scores, map, product};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    const auto saved = quant::load_state<Saved>(context);
    const torch::Tensor of_scores = contiguous_or_undefined(grad_outputs[0]);
    const torch::Tensor of_map = contiguous_or_undefined(grad_outputs[1]);
    const torch::Tensor of_context = contiguous_or_undefined(grad_outputs[2]);
    variable_list result = {torch::empty_like(saved.query.values),
                            torch::empty_like(saved.key.values),
                            torch::empty_like(saved.value.values),
                            empty_like_or_undefined(saved.bias),
                            empty_like_or_undefined(saved.position_key.values),
                            empty_like_or_undefined(saved.position_query.values)};
    kernels::attention_backward(
        saved.input(),
        {.map = saved.map.data_ptr<float>(), .quantized_map = saved.used_map.data_ptr<float>()},
        {.scores = data_or_null(of_scores), .map = data_or_null(of_map), .context = data_or_null(of_context)},
        {.query = result[0].data_ptr<float>(),
         .key = result[1].data_ptr<float>(),
         .value = result[2].data_ptr<float>(),
         .bias = data_or_null(result[3]),
         .position_key = data_or_null(result[4]),
         .position_query = data_or_null(result[5])});
    saved.query.mask(result[0]);
    saved.key.mask(result[1]);
    saved.value.mask(result[2]);
    saved.position_key.mask(result[4]);
    saved.position_query.mask(result[5]);
    result.emplace_back();
    return result;
  }

 private:
  /// An operand as the products read it, and what the straight-through mask needs of it.
  struct Operand {
    torch::Tensor values;   ///< undefined for none
    torch::Tensor clipped;  ///< before quantization; undefined where every gradient passes

    Operand() = default;
    Operand(const torch::Tensor& operand, const kernels::AttentionShape& shape, AttentionScales scales)
        : values(contiguous_or_undefined(operand)) {
      if (!operand.defined() || scales == AttentionScales::kNone) return;
      const torch::Tensor before = values;
      values = torch::empty_like(before);
      if (kernels::fake_quantize_heads(shape, scales, before.data_ptr<float>(), values.data_ptr<float>())) {
        clipped = before;
      }
    }

    void mask(const torch::Tensor& gradient) const {
      if (!clipped.defined()) return;
      kernels::mask_clipped(clipped.data_ptr<float>(), clipped.numel(), gradient.data_ptr<float>());
    }

    template <typename Visit>
    void for_each_tensor(const Visit& visit) {
      visit(values);
      visit(clipped);
    }
  };

  struct Saved {
    std::vector<std::int64_t> cu_seqlens;
    std::int64_t heads = 1;
    std::int64_t head_size = 1;
    AttentionScales scales = AttentionScales::kNone;
    std::int64_t window = 0;
    double factor = 1.0;
    DropoutMask dropout;
    std::vector<std::int32_t> rows;  ///< AttentionTerms::relative_rows
    torch::Tensor bias;
    Operand query = {}, key = {}, value = {}, position_key = {}, position_query = {};
    torch::Tensor map = {};
    torch::Tensor used_map = {};  ///< after dropout and quantization

    template <typename Visit>
    void for_each_tensor(const Visit& visit) {
      for (Operand* operand : {&query, &key, &value, &position_key, &position_query}) {
        operand->for_each_tensor(visit);
      }
      for (torch::Tensor* tensor : {&dropout.keep, &bias, &map, &used_map}) visit(*tensor);
    }

    kernels::AttentionShape shape() const {
      return {.cu_seqlens = cu_seqlens, .heads = heads, .head_size = head_size};
    }

    kernels::AttentionInput input() const {
      return {.shape = shape(),
              .operands = {.query = query.values.data_ptr<float>(),
                           .key = key.values.data_ptr<float>(),
                           .value = value.values.data_ptr<float>()},
              .terms = {.factor = static_cast<float>(factor),
                        .window = window,
                        .reach = longest_sequence(cu_seqlens) - 1,
                        .bias = data_or_null(bias),
                        .position_key = data_or_null(position_key.values),
                        .key_index = rows.data(),
                        .position_query = data_or_null(position_query.values),
                        .query_index = rows.data(),
                        .positions = position_key.values.defined()     ? position_key.values.size(0)
                                     : position_query.values.defined() ? position_query.values.size(0)
                                                                       : 0},
              .dropout = kernel_dropout(dropout),
              .map_scales = scales};
    }
  };
};

/// One scale for all of `values`, whatever its shape.
torch::Tensor fake_quantize_whole(const torch::Tensor& values) {
  return quant::fake_quantize(values.reshape({1, -1}), quant::Quantizer::kSymmetric8,
                              quant::Granularity::kPerTensor)
      .view(values.sizes());
}

/// One scale for each of the slices values[h].
torch::Tensor fake_quantize_slices(const torch::Tensor& values) {
  return quant::fake_quantize(values.reshape({values.size(0), -1}), quant::Quantizer::kSymmetric8,
                              quant::Granularity::kPerRow)
      .view(values.sizes());
}

/// [H, n, D/H] of one sentence.
torch::Tensor heads_of(const torch::Tensor& values, std::int64_t begin, std::int64_t end,
                       std::int64_t heads) {
  return values.slice(0, begin, end).view({end - begin, heads, -1}).transpose(0, 1);
}

/// The reference form: sequence after sequence, each a few operations of libtorch.
class ReferenceAttention {
 public:
  explicit ReferenceAttention(AttentionInputs inputs) : inputs_(std::move(inputs)) {
    const AttentionTerms& terms = inputs_.terms;
    factor_ = score_factor(terms, inputs_.query.size(1) / inputs_.heads);
    reach_ = longest_sequence(inputs_.cu_seqlens) - 1;
    if (inputs_.scales == AttentionScales::kTensor) {
      inputs_.query = fake_quantize_whole(inputs_.query);
      inputs_.key = fake_quantize_whole(inputs_.key);
      inputs_.value = fake_quantize_whole(inputs_.value);
    }
    position_key_ = position_operand(terms.position_key);
    position_query_ = position_operand(terms.position_query);
    rows_ = torch::tensor(terms.relative_rows, torch::kInt64);
  }

  AttentionSignals run() const {
    std::vector<torch::Tensor> scores;
    std::vector<torch::Tensor> maps;
    for (std::size_t b = 0; b < sequences(); ++b) {
      torch::Tensor of_sequence = scores_of(b);  // [H, n, n]
      if (inputs_.terms.window == 0) {
        maps.push_back(of_sequence.softmax(-1).reshape({-1}));
      } else {
        const torch::Tensor outside = distances(length(b)).abs() > inputs_.terms.window;
        maps.push_back(of_sequence.masked_fill(outside, -std::numeric_limits<double>::infinity())
                           .softmax(-1)
                           .reshape({-1}));
        of_sequence = of_sequence.masked_fill(outside, 0.0);
      }
      scores.push_back(of_sequence.reshape({-1}));
    }
    const torch::Tensor map = torch::cat(maps);
    return {.scores = torch::cat(scores), .map = map, .context = context_of(drop(map, inputs_.dropout))};
  }

 private:
  std::size_t sequences() const { return inputs_.cu_seqlens.size() - 1; }
  std::int64_t length(std::size_t b) const { return inputs_.cu_seqlens[b + 1] - inputs_.cu_seqlens[b]; }

  /// position of the query - position of the key, [n, n].
  static torch::Tensor distances(std::int64_t length) {
    const torch::Tensor positions = torch::arange(length, torch::kInt64);
    return positions.unsqueeze(1) - positions.unsqueeze(0);
  }

  /// [H, n, D/H]
  torch::Tensor operand(const torch::Tensor& values, std::size_t b) const {
    const torch::Tensor heads =
        heads_of(values, inputs_.cu_seqlens[b], inputs_.cu_seqlens[b + 1], inputs_.heads);
    return inputs_.scales == AttentionScales::kHead ? fake_quantize_slices(heads) : heads;
  }

  /// [H, D/H, P]; undefined for none.
  torch::Tensor position_operand(const torch::Tensor& values) const {
    if (!values.defined()) return values;
    torch::Tensor heads = heads_of(values, 0, values.size(0), inputs_.heads);
    if (inputs_.scales == AttentionScales::kHead) heads = fake_quantize_slices(heads);
    if (inputs_.scales == AttentionScales::kTensor) heads = fake_quantize_whole(heads);
    return heads.transpose(1, 2);
  }

  torch::Tensor scores_of(std::size_t b) const {
    const torch::Tensor query = operand(inputs_.query, b);
    const torch::Tensor key = operand(inputs_.key, b);
    torch::Tensor scores = torch::matmul(query, key.transpose(1, 2));
    const torch::Tensor distance = distances(length(b));
    if (!inputs_.terms.relative_rows.empty()) {
      const torch::Tensor row = rows_.index_select(0, (distance + reach_).view({-1}))
                                    .view({1, length(b), length(b)})
                                    .expand({inputs_.heads, -1, -1});
      if (position_key_.defined()) scores = scores + torch::matmul(query, position_key_).gather(2, row);
      if (position_query_.defined()) {
        // [H, key, P], whose row for (query, key) goes by the same distance.
        scores = scores + torch::matmul(key, position_query_).gather(2, row.transpose(1, 2)).transpose(1, 2);
      }
    }
    scores = scores * factor_;
    if (!inputs_.terms.bias.defined()) return scores;
    const torch::Tensor column = (reach_ - distance).view({-1});
    return scores + inputs_.terms.bias.index_select(1, column).view(scores.sizes());
  }

  torch::Tensor context_of(torch::Tensor map) const {
    if (inputs_.scales == AttentionScales::kTensor) map = fake_quantize_whole(map);
    std::vector<torch::Tensor> contexts;
    std::int64_t offset = 0;
    for (std::size_t b = 0; b < sequences(); ++b) {
      const std::int64_t n = length(b);
      const std::int64_t pairs = inputs_.heads * n * n;
      torch::Tensor of_sequence = map.slice(0, offset, offset + pairs).view({inputs_.heads, n, n});
      if (inputs_.scales == AttentionScales::kHead) of_sequence = fake_quantize_slices(of_sequence);
      contexts.push_back(
          torch::matmul(of_sequence, operand(inputs_.value, b)).transpose(0, 1).reshape({n, -1}));
      offset += pairs;
    }
    return torch::cat(contexts);
  }

  AttentionInputs inputs_;
  torch::Tensor position_key_, position_query_, rows_;
  double factor_ = 1.0;
  std::int64_t reach_ = 0;
};

}  // namespace

std::int64_t longest_sequence(std::span<const std::int64_t> cu_seqlens) {
  std::int64_t longest = 0;
  for (std::size_t b = 1; b < cu_seqlens.size(); ++b) {
    longest = std::max(longest, cu_seqlens[b] - cu_seqlens[b - 1]);
  }
  return longest;
}

AttentionSignals attention(const AttentionInputs& inputs, quant::Form form) {
  if (form == quant::Form::kPlain) return ReferenceAttention(inputs).run();
  const AttentionTerms& terms = inputs.terms;
  const variable_list signals = FusedAttention::apply(
      inputs.query, inputs.key, inputs.value, quant::defined_or_empty(terms.bias),
      quant::defined_or_empty(terms.position_key), quant::defined_or_empty(terms.position_query), inputs);
  return {.scores = signals[0], .map = signals[1], .context = signals[2]};
}

}  // namespace kdqat::model
