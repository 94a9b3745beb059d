#include "kdqat/model/attention.h"

#include <cmath>
#include <vector>

#include "kdqat/kernels/quantize.h"
#include "kdqat/quant/fake_quantize.h"

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

kernels::AttentionShape shape_of(std::span<const std::int64_t> cu_seqlens, std::int64_t heads,
                                 std::int64_t width) {
  return {.cu_seqlens = cu_seqlens, .heads = heads, .head_size = width / heads};
}

class FusedAttention : public torch::autograd::Function<FusedAttention> {
 public:
  static variable_list forward(AutogradContext* context, const torch::Tensor& query, const torch::Tensor& key,
                               const torch::Tensor& value, const AttentionInputs& inputs) {
    const kernels::AttentionShape shape = shape_of(inputs.cu_seqlens, inputs.heads, query.size(1));
    // What the straight-through mask needs of each operand; undefined where every gradient passes.
    variable_list clipped;
    const auto quantized = [&](const torch::Tensor& operand) {
      clipped.emplace_back();
      torch::Tensor values = operand.contiguous();
      if (inputs.scales == AttentionScales::kNone) return values;
      torch::Tensor out = torch::empty_like(values);
      const bool clips =
          kernels::fake_quantize_heads(shape, inputs.scales, values.data_ptr<float>(), out.data_ptr<float>());
      if (clips) clipped.back() = values;
      return out;
    };
    const torch::Tensor q = quantized(query);
    const torch::Tensor k = quantized(key);
    const torch::Tensor v = quantized(value);
    const torch::Tensor scores = torch::empty({shape.ragged_size()}, torch::kFloat32);
    const torch::Tensor map = torch::empty_like(scores);
    const bool map_as_it_is = !inputs.dropout.keep.defined() && inputs.scales == AttentionScales::kNone;
    const torch::Tensor quantized_map = map_as_it_is ? map : torch::empty_like(scores);
    const torch::Tensor product = torch::empty_like(q);
    kernels::attention_forward(
        shape, {.query = q.data_ptr<float>(), .key = k.data_ptr<float>(), .value = v.data_ptr<float>()},
        kernel_dropout(inputs.dropout), inputs.scales,
        {.scores = scores.data_ptr<float>(),
         .map = map.data_ptr<float>(),
         .quantized_map = quantized_map.data_ptr<float>(),
         .context = product.data_ptr<float>()});
    context->set_materialize_grads(false);
    context->save_for_backward(
        {clipped[0], clipped[1], clipped[2], q, k, v, map, quantized_map, inputs.dropout.keep});
    context->saved_data["dropout_factor"] = inputs.dropout.factor;
    context->saved_data["cu_seqlens"] =
        std::vector<std::int64_t>(inputs.cu_seqlens.begin(), inputs.cu_seqlens.end());
    context->saved_data["heads"] = inputs.heads;
    return {scores, map, product};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const std::vector<std::int64_t> cu_seqlens = context->saved_data["cu_seqlens"].toIntVector();
    const kernels::AttentionShape shape =
        shape_of(cu_seqlens, context->saved_data["heads"].toInt(), saved[3].size(1));
    const torch::Tensor of_scores = contiguous_or_undefined(gradients[0]);
    const torch::Tensor of_map = contiguous_or_undefined(gradients[1]);
    const torch::Tensor of_context = contiguous_or_undefined(gradients[2]);
    variable_list result = {torch::empty_like(saved[3]), torch::empty_like(saved[4]),
                            torch::empty_like(saved[5])};
    kernels::attention_backward(
        shape,
        {.query = saved[3].data_ptr<float>(),
         .key = saved[4].data_ptr<float>(),
         .value = saved[5].data_ptr<float>()},
        saved[6].data_ptr<float>(), saved[7].data_ptr<float>(),
        kernel_dropout({.keep = saved[8], .factor = context->saved_data["dropout_factor"].toDouble()}),
        {.scores = data_or_null(of_scores), .map = data_or_null(of_map), .context = data_or_null(of_context)},
        {.query = result[0].data_ptr<float>(),
         .key = result[1].data_ptr<float>(),
         .value = result[2].data_ptr<float>()});
    for (std::size_t i = 0; i < 3; ++i) {
      if (!saved[i].defined()) continue;
      kernels::mask_clipped(saved[i].data_ptr<float>(), saved[i].numel(), result[i].data_ptr<float>());
    }
    result.emplace_back();
    return result;
  }
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

AttentionSignals plain_attention(AttentionInputs inputs) {
  if (inputs.scales == AttentionScales::kTensor) {
    inputs.query = fake_quantize_whole(inputs.query);
    inputs.key = fake_quantize_whole(inputs.key);
    inputs.value = fake_quantize_whole(inputs.value);
  }
  const auto operand = [&](const torch::Tensor& values, std::size_t b) {
    const torch::Tensor heads =
        heads_of(values, inputs.cu_seqlens[b], inputs.cu_seqlens[b + 1], inputs.heads);
    return inputs.scales == AttentionScales::kHead ? fake_quantize_slices(heads) : heads;
  };
  const std::size_t sentences = inputs.cu_seqlens.size() - 1;
  const std::int64_t head_size = inputs.query.size(1) / inputs.heads;
  const double factor = 1.0 / std::sqrt(static_cast<double>(head_size));
  std::vector<torch::Tensor> scores;
  std::vector<torch::Tensor> maps;
  for (std::size_t b = 0; b < sentences; ++b) {
    const torch::Tensor of_sentence =
        torch::matmul(operand(inputs.query, b), operand(inputs.key, b).transpose(1, 2)) *
        factor;  // [H, n, n]
    scores.push_back(of_sentence.reshape({-1}));
    maps.push_back(of_sentence.softmax(-1).reshape({-1}));
  }
  const torch::Tensor map = torch::cat(maps);
  torch::Tensor used_map = drop(map, inputs.dropout);
  if (inputs.scales == AttentionScales::kTensor) used_map = fake_quantize_whole(used_map);

  std::vector<torch::Tensor> contexts;
  std::int64_t offset = 0;
  for (std::size_t b = 0; b < sentences; ++b) {
    const std::int64_t length = inputs.cu_seqlens[b + 1] - inputs.cu_seqlens[b];
    const std::int64_t pairs = inputs.heads * length * length;
    torch::Tensor of_sentence =
        used_map.slice(0, offset, offset + pairs).view({inputs.heads, length, length});
    if (inputs.scales == AttentionScales::kHead) of_sentence = fake_quantize_slices(of_sentence);
    contexts.push_back(
        torch::matmul(of_sentence, operand(inputs.value, b)).transpose(0, 1).reshape({length, -1}));
    offset += pairs;
  }
  return {.scores = torch::cat(scores), .map = map, .context = torch::cat(contexts)};
}

}  // namespace

AttentionSignals attention(const AttentionInputs& inputs, quant::Form form) {
  if (form == quant::Form::kPlain) return plain_attention(inputs);
  const variable_list signals = FusedAttention::apply(inputs.query, inputs.key, inputs.value, inputs);
  return {.scores = signals[0], .map = signals[1], .context = signals[2]};
}

}  // namespace kdqat::model
