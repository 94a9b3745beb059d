#include "kdqat/runtime/encoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/attention.h"
#include "kdqat/kernels/layer_norm.h"
#include "kdqat/kernels/panel_blocks.h"
#include "kdqat/kernels/quantize.h"
#include "kdqat/kernels/reduce.h"

namespace kdqat::runtime {
namespace {

using Sentences = std::span<const text::Encoding* const>;

/// Grows only, so that what is there is used again.
template <typename Value>
void reserve(base::AlignedVector<Value>& buffer, std::int64_t count) {
  if (std::cmp_less(buffer.size(), count)) buffer.resize(static_cast<std::size_t>(count));
}

/// Keeps, of rows [T, width], those of the sentences' first tokens.
void keep_first_tokens(const std::vector<std::int64_t>& cu_seqlens, std::int64_t width, Floats& rows) {
  for (std::size_t b = 1; b + 1 < cu_seqlens.size(); ++b) {
    std::copy_n(rows.data() + cu_seqlens[b] * width, width,
                rows.data() + static_cast<std::int64_t>(b) * width);
  }
}

}  // namespace

template <typename Body>
void Encoder::for_rows(std::int64_t count, const Body& body) {
  const std::int64_t threads = base::num_threads();
  // Of fewer rows, it costs less to let the threads share each product than to read all weights in each
  // thread.
  constexpr std::int64_t kRowsAThread = 2 * kernels::kBlockRows;
  if (threads == 1 || count < kRowsAThread * threads) {
    body(Rows{.first = 0, .count = count});
    return;
  }
  base::parallel_for(0, threads, 1, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t begin = count * first / threads;
    body(Rows{.first = begin, .count = count * last / threads - begin});
  });
}

void Encoder::start(Sentences sentences, Workspace& workspace) const {
  workspace.cu_seqlens.assign(1, 0);
  for (const text::Encoding* sentence : sentences) {
    workspace.cu_seqlens.push_back(workspace.cu_seqlens.back() +
                                   static_cast<std::int64_t>(sentence->input_ids.size()));
  }
  const std::int64_t tokens = workspace.cu_seqlens.back();
  const std::int64_t d = config_.hidden_size;
  for (Floats* buffer : {&workspace.hidden, &workspace.query, &workspace.key, &workspace.value,
                         &workspace.context, &workspace.sa_output, &workspace.attention_output}) {
    reserve(*buffer, tokens * d);
  }
  reserve(workspace.intermediate, tokens * config_.intermediate_size);
  reserve(workspace.codes, tokens * d);
  reserve(workspace.intermediate_codes, tokens * config_.intermediate_size);
  for (Floats* buffer : {&workspace.code_scales, &workspace.mean, &workspace.inverse_deviation}) {
    reserve(*buffer, tokens);
  }
  look_up(sentences, workspace);
}

void Encoder::look_up(Sentences sentences, Workspace& workspace) const {
  const std::int64_t d = config_.hidden_size;
  float* word = workspace.context.data();
  float* place = workspace.sa_output.data();
  for (const text::Encoding* sentence : sentences) {
    for (std::size_t i = 0; i < sentence->input_ids.size(); ++i, word += d, place += d) {
      weights_.word_embeddings.look_up(sentence->input_ids[i], word);
      const float* position = weights_.position_embeddings + static_cast<std::int64_t>(i) * d;
      const float* type = weights_.token_type_embeddings + sentence->token_type_ids[i] * d;
      for (std::int64_t k = 0; k < d; ++k) place[k] = position[k] + type[k];
    }
  }
  normalize(workspace.context, workspace.sa_output, weights_.embeddings_norm,
            {.first = 0, .count = workspace.cu_seqlens.back()}, workspace, workspace.hidden);
}

/// values [T, D] -> codes.
void Encoder::quantize(const Floats& values, const Rows& rows, Workspace& workspace) const {
  const std::int64_t offset = rows.first * config_.hidden_size;
  kernels::quantize_symmetric(values.data() + offset, {.count = rows.count, .size = config_.hidden_size},
                              workspace.codes.data() + offset, workspace.code_scales.data() + rows.first);
}

void Encoder::multiply(const PackedLinear& linear, const Codes& codes, const Rows& rows,
                       const Workspace& workspace, Floats& out) const {
  kernels::multiply_panels({.codes = codes.data() + rows.first * linear.shape.cols,
                            .rows = rows.count,
                            .row_scales = workspace.code_scales.data() + rows.first,
                            .row_scales_count = rows.count,
                            .panels = linear.panels,
                            .weights = linear.shape,
                            .col_scales = linear.scales.data(),
                            .col_scales_count = static_cast<std::int64_t>(linear.scales.size()),
                            .bias = linear.bias},
                           out.data() + rows.first * linear.shape.rows, set_);
}

void Encoder::normalize(const Floats& x, const Floats& residual, const NormWeights& norm, const Rows& rows,
                        Workspace& workspace, Floats& out) const {
  const std::int64_t d = config_.hidden_size;
  const std::int64_t offset = rows.first * d;
  kernels::layer_norm_forward(
      {.rows = rows.count,
       .cols = d,
       .x = x.data() + offset,
       .dropout = {},
       .residual = residual.data() + offset},
      {.weight = norm.weight, .bias = norm.bias, .epsilon = static_cast<float>(config_.layer_norm_eps)},
      {.mean = workspace.mean.data() + rows.first,
       .inverse_deviation = workspace.inverse_deviation.data() + rows.first},
      out.data() + offset);
}

/// hidden -> query, key, value.
void Encoder::project(const LayerWeights& layer, const Rows& rows, Workspace& workspace) const {
  quantize(workspace.hidden, rows, workspace);
  multiply(layer.query, workspace.codes, rows, workspace, workspace.query);
  multiply(layer.key, workspace.codes, rows, workspace, workspace.key);
  multiply(layer.value, workspace.codes, rows, workspace, workspace.value);
}

/// hidden [T, D] -> context [T, D].
void Encoder::attend(const LayerWeights& layer, Workspace& workspace) const {
  for_rows(workspace.cu_seqlens.back(), [&](const Rows& rows) { project(layer, rows, workspace); });
  const kernels::AttentionShape shape{.cu_seqlens = workspace.cu_seqlens,
                                      .heads = config_.num_attention_heads,
                                      .head_size = config_.head_size()};
  for (Floats* operand : {&workspace.query, &workspace.key, &workspace.value}) {
    kernels::fake_quantize_heads(shape, kernels::AttentionScales::kHead, operand->data(), operand->data());
  }
  const std::int64_t pairs = shape.ragged_size();
  for (Floats* buffer : {&workspace.scores, &workspace.map, &workspace.quantized_map})
    reserve(*buffer, pairs);
  kernels::attention_forward(
      shape, {.query = workspace.query.data(), .key = workspace.key.data(), .value = workspace.value.data()},
      {}, kernels::AttentionScales::kHead,
      {.scores = workspace.scores.data(),
       .map = workspace.map.data(),
       .quantized_map = workspace.quantized_map.data(),
       .context = workspace.context.data()});
}

/// context and hidden -> hidden, of the first `count` rows.
void Encoder::feed_forward(const LayerWeights& layer, std::int64_t count, Workspace& workspace) const {
  for_rows(count, [&](const Rows& rows) { feed_forward(layer, rows, workspace); });
}

void Encoder::feed_forward(const LayerWeights& layer, const Rows& rows, Workspace& workspace) const {
  quantize(workspace.context, rows, workspace);
  multiply(layer.attention_output, workspace.codes, rows, workspace, workspace.sa_output);
  normalize(workspace.sa_output, workspace.hidden, layer.attention_norm, rows, workspace,
            workspace.attention_output);
  quantize(workspace.attention_output, rows, workspace);
  multiply(layer.intermediate, workspace.codes, rows, workspace, workspace.intermediate);
  const std::int64_t f = config_.intermediate_size;
  kernels::gelu_quantize_symmetric(
      workspace.intermediate.data() + rows.first * f, {.count = rows.count, .size = f},
      workspace.intermediate_codes.data() + rows.first * f, workspace.code_scales.data() + rows.first);
  multiply(layer.output, workspace.intermediate_codes, rows, workspace, workspace.sa_output);
  normalize(workspace.sa_output, workspace.attention_output, layer.output_norm, rows, workspace,
            workspace.hidden);
}

void Encoder::classify(Sentences sentences, Workspace& workspace, float* logits) const {
  start(sentences, workspace);
  const auto batch = static_cast<std::int64_t>(sentences.size());
  const std::int64_t d = config_.hidden_size;
  for (const LayerWeights& layer : weights_.layers) {
    attend(layer, workspace);
    const bool last = &layer == &weights_.layers.back();
    if (last) {
      // Nothing reads the other tokens any more.
      keep_first_tokens(workspace.cu_seqlens, d, workspace.context);
      keep_first_tokens(workspace.cu_seqlens, d, workspace.hidden);
    }
    feed_forward(layer, last ? batch : workspace.cu_seqlens.back(), workspace);
  }
  const Rows first_tokens{.first = 0, .count = batch};
  quantize(workspace.hidden, first_tokens, workspace);
  reserve(workspace.pooled, batch * d);
  multiply(weights_.pooler, workspace.codes, first_tokens, workspace, workspace.pooled);
  for (std::int64_t i = 0; i < batch * d; ++i) {
    float& value = workspace.pooled[static_cast<std::size_t>(i)];
    value = std::tanh(value);
  }
  for (std::int64_t b = 0; b < batch; ++b) {
    const float* pooled = workspace.pooled.data() + b * d;
    for (std::int64_t c = 0; c < config_.num_labels; ++c) {
      const float* row = weights_.classifier_weight + c * d;
      const float sum = kernels::sum_of_vectors<float>(
          d, [&](const auto& load, std::int64_t i) { return load(pooled + i) * load(row + i); });
      *logits++ = sum + weights_.classifier_bias[c];
    }
  }
}

void Encoder::embed(Sentences sentences, Workspace& workspace, float* embeddings) const {
  start(sentences, workspace);
  const std::int64_t d = config_.hidden_size;
  for (const LayerWeights& layer : weights_.layers) {
    attend(layer, workspace);
    feed_forward(layer, workspace.cu_seqlens.back(), workspace);
  }
  for (std::size_t b = 0; b < sentences.size(); ++b, embeddings += d) {
    std::fill_n(embeddings, d, 0.0F);
    const std::int64_t first = workspace.cu_seqlens[b];
    const std::int64_t last = workspace.cu_seqlens[b + 1];
    for (std::int64_t t = first; t < last; ++t) {
      const float* row = workspace.hidden.data() + t * d;
      for (std::int64_t i = 0; i < d; ++i) embeddings[i] += row[i];
    }
    const float count = static_cast<float>(last - first);
    for (std::int64_t i = 0; i < d; ++i) embeddings[i] /= count;
  }
}

}  // namespace kdqat::runtime
