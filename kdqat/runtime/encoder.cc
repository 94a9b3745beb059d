#include "kdqat/runtime/encoder.h"

#include <algorithm>
#include <utility>

#include "kdqat/base/parallel.h"
#include "kdqat/encoder/positions.h"
#include "kdqat/kernels/attention.h"
#include "kdqat/kernels/float_linear.h"
#include "kdqat/kernels/layer_norm.h"
#include "kdqat/kernels/panel_blocks.h"
#include "kdqat/kernels/quantize.h"
#include "kdqat/runtime/layer_ops.h"

namespace kdqat::runtime {
namespace {

using Sentences = std::span<const text::Encoding* const>;

/// Grows only, so that what is there is used again.
template <typename Value>
void reserve(base::AlignedVector<Value>& buffer, std::int64_t count) {
  if (std::cmp_less(buffer.size(), count)) buffer.resize(static_cast<std::size_t>(count));
}

/// body(rows) for rows that cover [0, count): some in each of this call's threads, or all at once.
template <typename Body>
void for_rows(std::int64_t count, const Body& body) {
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

/// LayerNorm of `rows` rows, of which no residual is part.
void normalize(const encoder::EncoderConfig& config, const NormWeights& norm, std::int64_t rows,
               std::int64_t width, const float* x, const float* residual, Workspace& workspace, float* out) {
  kernels::layer_norm_forward(
      {.rows = rows, .cols = width, .x = x, .dropout = {}, .residual = residual},
      {.weight = norm.weight, .bias = norm.bias, .epsilon = static_cast<float>(config.layer_norm_eps)},
      {.mean = workspace.mean.data(), .inverse_deviation = workspace.inverse_deviation.data()}, out);
}

/// Keeps, of rows [T, width], those of the sentences' first tokens.
void keep_first_tokens(const std::vector<std::int64_t>& cu_seqlens, std::int64_t width, Floats& rows) {
  for (std::size_t b = 1; b + 1 < cu_seqlens.size(); ++b) {
    std::copy_n(rows.data() + cu_seqlens[b] * width, width,
                rows.data() + static_cast<std::int64_t>(b) * width);
  }
}

}  // namespace

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
  if (config_.norm_order == encoder::NormOrder::kPre) reserve(workspace.normed, tokens * d);
  reserve(workspace.intermediate, tokens * config_.intermediate_size);
  if (config_.gated) reserve(workspace.gate, tokens * config_.intermediate_size);
  reserve(workspace.codes, tokens * d);
  reserve(workspace.intermediate_codes, tokens * config_.intermediate_size);
  for (Floats* buffer : {&workspace.code_scales, &workspace.mean, &workspace.inverse_deviation}) {
    reserve(*buffer, tokens);
  }
  look_up(sentences, workspace);
}

void Encoder::look_up(Sentences sentences, Workspace& workspace) const {
  const std::int64_t e = config_.embedding_size;
  const std::int64_t tokens = workspace.cu_seqlens.back();
  reserve(workspace.word, tokens * e);
  const bool has_others = config_.position_table || config_.type_vocab_size > 0;
  if (has_others) reserve(workspace.others, tokens * e);
  float* word = workspace.word.data();
  float* others = workspace.others.data();
  for (const text::Encoding* sentence : sentences) {
    const std::span<const std::int32_t> ids(sentence->input_ids);
    workspace.positions.clear();
    encoder::append_position_rows(config_, ids, workspace.positions);
    for (std::size_t i = 0; i < ids.size(); ++i, word += e) {
      weights_.word_embeddings.look_up(ids[i], word);
      if (!has_others) continue;
      const std::int64_t type = config_.only_first_token_type ? 0 : sentence->token_type_ids[i];
      const float* of_position =
          config_.position_table ? weights_.position_embeddings + workspace.positions[i] * e : nullptr;
      const float* of_type =
          config_.type_vocab_size > 0 ? weights_.token_type_embeddings + type * e : nullptr;
      for (std::int64_t k = 0; k < e; ++k) {
        others[k] =
            (of_position == nullptr ? 0.0F : of_position[k]) + (of_type == nullptr ? 0.0F : of_type[k]);
      }
      others += e;
    }
  }
  const bool projects = e != config_.hidden_size;
  float* out = projects ? workspace.word.data() : workspace.hidden.data();
  normalize(config_, weights_.embeddings_norm, tokens, e, workspace.word.data(),
            has_others ? workspace.others.data() : nullptr, workspace, out);
  if (!projects) return;
  const std::int64_t d = config_.hidden_size;
  kernels::multiply_float(
      {.rows = tokens, .inputs = e, .outputs = d},
      {.weight = weights_.embeddings_projection.weight, .bias = weights_.embeddings_projection.bias},
      workspace.word.data(), workspace.hidden.data());
}

/// hidden [T, D] -> context [T, D].
void Encoder::attend(std::size_t layer, Workspace& workspace) const {
  const LayerOps::Model model{.config = config_, .layer = weights_.layers[layer], .set = set_};
  const auto number = static_cast<std::int64_t>(layer);
  for_rows(workspace.cu_seqlens.back(), [&](const Rows& rows) {
    LayerOps ops(model, rows, workspace);
    encoder::project(ops, config_, number, &workspace.hidden);
  });
  const kernels::AttentionShape shape{.cu_seqlens = workspace.cu_seqlens,
                                      .heads = config_.num_attention_heads,
                                      .head_size = config_.head_size()};
  positions_.rotate(layer, shape, workspace.query.data(), workspace.key.data());
  for (Floats* operand : {&workspace.query, &workspace.key, &workspace.value}) {
    kernels::fake_quantize_heads(shape, kernels::AttentionScales::kHead, operand->data(), operand->data());
  }
  const std::int64_t pairs = shape.ragged_size();
  for (Floats* buffer : {&workspace.scores, &workspace.map, &workspace.quantized_map})
    reserve(*buffer, pairs);
  kernels::attention_forward({.shape = shape,
                              .operands = {.query = workspace.query.data(),
                                           .key = workspace.key.data(),
                                           .value = workspace.value.data()},
                              .terms = positions_.terms(layer),
                              .map_scales = kernels::AttentionScales::kHead},
                             {.scores = workspace.scores.data(),
                              .map = workspace.map.data(),
                              .quantized_map = workspace.quantized_map.data(),
                              .context = workspace.context.data()});
}

/// context and hidden -> hidden, of the first `count` rows.
void Encoder::finish(std::size_t layer, std::int64_t count, Workspace& workspace) const {
  const LayerOps::Model model{.config = config_, .layer = weights_.layers[layer], .set = set_};
  for_rows(count, [&](const Rows& rows) {
    LayerOps ops(model, rows, workspace);
    encoder::finish_layer(ops, config_, &workspace.hidden, &workspace.context);
  });
}

void Encoder::classify(Sentences sentences, Workspace& workspace, float* logits) const {
  start(sentences, workspace);
  const auto batch = static_cast<std::int64_t>(sentences.size());
  const std::int64_t d = config_.hidden_size;
  const bool first_token = config_.head.pooling == encoder::Pooling::kFirstToken;
  for (std::size_t layer = 0; layer < weights_.layers.size(); ++layer) {
    attend(layer, workspace);
    const bool reduced = first_token && layer + 1 == weights_.layers.size();
    if (reduced) {
      // Nothing reads the other tokens any more.
      keep_first_tokens(workspace.cu_seqlens, d, workspace.context);
      keep_first_tokens(workspace.cu_seqlens, d, workspace.hidden);
    }
    finish(layer, reduced ? batch : workspace.cu_seqlens.back(), workspace);
  }
  if (config_.final_norm) {
    normalize(config_, weights_.final_norm, first_token ? batch : workspace.cu_seqlens.back(), d,
              workspace.hidden.data(), nullptr, workspace, workspace.hidden.data());
  }
  reserve(workspace.pooled, batch * d);
  if (first_token) {
    std::copy_n(workspace.hidden.data(), batch * d, workspace.pooled.data());
  } else {
    kernels::mean_of_sequences(workspace.cu_seqlens, d, workspace.hidden.data(), workspace.pooled.data());
  }
  apply_head(batch, workspace, logits);
}

/// pooled [B, D] -> logits [B, C].
void Encoder::apply_head(std::int64_t count, Workspace& workspace, float* logits) const {
  const std::int64_t d = config_.hidden_size;
  reserve(workspace.dense, count * d);
  kernels::quantize_symmetric(workspace.pooled.data(), {.count = count, .size = d}, workspace.codes.data(),
                              workspace.code_scales.data());
  multiply(weights_.head_dense, workspace.codes.data(), workspace.code_scales.data(), count, set_,
           workspace.dense.data());
  kernels::activate(config_.head.activation, workspace.dense.data(), count * d, workspace.dense.data());
  if (config_.head.norm) {
    normalize(config_, weights_.head_norm, count, d, workspace.dense.data(), nullptr, workspace,
              workspace.dense.data());
  }
  kernels::multiply_float({.rows = count, .inputs = d, .outputs = config_.num_labels},
                          {.weight = weights_.classifier.weight, .bias = weights_.classifier.bias},
                          workspace.dense.data(), logits);
}

void Encoder::embed(Sentences sentences, Workspace& workspace, float* embeddings) const {
  start(sentences, workspace);
  const std::int64_t tokens = workspace.cu_seqlens.back();
  for (std::size_t layer = 0; layer < weights_.layers.size(); ++layer) {
    attend(layer, workspace);
    finish(layer, tokens, workspace);
  }
  if (config_.final_norm) {
    normalize(config_, weights_.final_norm, tokens, config_.hidden_size, workspace.hidden.data(), nullptr,
              workspace, workspace.hidden.data());
  }
  kernels::mean_of_sequences(workspace.cu_seqlens, config_.hidden_size, workspace.hidden.data(), embeddings);
}

}  // namespace kdqat::runtime
