#include "kdqat/model/forward_pass.h"

#include <span>
#include <utility>

#include "kdqat/encoder/layer.h"
#include "kdqat/encoder/positions.h"
#include "kdqat/model/encoder_block.h"
#include "kdqat/model/float_operations.h"
#include "kdqat/model/layer_ops.h"
#include "kdqat/quant/activation.h"
#include "kdqat/quant/embedding.h"

namespace kdqat::model {
namespace {

using encoder::Role;

kernels::AttentionScales attention_scales(const std::optional<format::QuantizationConfig>& config) {
  if (!config || config->activation_bits == 32) return kernels::AttentionScales::kNone;
  return config->activation_granularity == format::ActivationGranularity::kToken
             ? kernels::AttentionScales::kHead
             : kernels::AttentionScales::kTensor;
}

void keep(bool wanted, const torch::Tensor& signal, std::vector<torch::Tensor>& list) {
  if (wanted) list.push_back(signal);
}

}  // namespace

torch::Tensor position_rows(const encoder::EncoderSpec& spec, const data::Batch& batch) {
  if (!spec.padding_token_for_positions) return batch.position_ids + spec.position_offset;
  std::vector<std::int64_t> rows;
  const auto* ids = batch.input_ids.data_ptr<std::int64_t>();
  for (std::size_t b = 1; b < batch.cu_seqlens.size(); ++b) {
    const std::int64_t first = batch.cu_seqlens[b - 1];
    const auto count = static_cast<std::size_t>(batch.cu_seqlens[b] - first);
    encoder::append_position_rows(spec, std::span(ids + first, count), rows);
  }
  return torch::tensor(rows, torch::kInt64);
}

ForwardPass::ForwardPass(const Classifier& classifier, const Weights& weights, const data::Batch& batch,
                         const ForwardOptions& options)
    : config_(classifier.config()),
      quantization_(classifier.quantization()),
      weights_(weights),
      batch_(batch),
      options_(options),
      quantized_linear_{.quantization = linear_quantization(quantization_),
                        .form = options.form,
                        .precision = options.precision} {}

Signals ForwardPass::run() {
  Signals signals;
  signals.pairs = {.cu_seqlens = batch_.cu_seqlens, .heads = config_.num_attention_heads, .windows = {}};
  for (const encoder::LayerAttention& attention : config_.layer_attention) {
    signals.pairs.windows.push_back(attention.window);
  }
  torch::Tensor hidden = embed();
  keep(options_.signals.hidden_states, hidden, signals.hidden_states);
  for (std::size_t layer = 0; layer < weights_.layers.size(); ++layer) {
    hidden = run_layer(layer, hidden, signals);
    keep(options_.signals.hidden_states, hidden, signals.hidden_states);
  }
  if (config_.final_norm) hidden = normalize(hidden, {}, weights_.final_norm);
  signals.logits = classify(hidden);
  return signals;
}

torch::Tensor ForwardPass::run_layer(std::size_t layer, const torch::Tensor& hidden, Signals& signals) {
  const EncoderLayer& modules = weights_.layers[layer];
  const kernels::AttentionShape shape{.cu_seqlens = batch_.cu_seqlens, .heads = config_.num_attention_heads};
  // In the order in which a pass draws them.
  const DropoutMask map_mask = draw_mask(shape.ragged_size(), config_.dropout.attention_map);
  const LayerMasks masks{
      .sa_output = draw_mask(hidden.numel(), config_.dropout.sa_output),
      .intermediate = draw_mask(hidden.size(0) * config_.intermediate_size, config_.dropout.intermediate),
      .output = draw_mask(hidden.numel(), config_.dropout.output)};
  LayerOps ops(
      {.spec = config_, .layer = modules, .linear = quantized_linear_, .cu_seqlens = batch_.cu_seqlens},
      masks);
  const auto operands = encoder::project(ops, config_, static_cast<std::int64_t>(layer), hidden);
  const AttentionSignals attended = attention({.query = operands.query,
                                               .key = operands.key,
                                               .value = operands.value,
                                               .dropout = map_mask,
                                               .cu_seqlens = batch_.cu_seqlens,
                                               .heads = config_.num_attention_heads,
                                               .scales = attention_scales(quantization_),
                                               .terms = attention_terms(layer)},
                                              options_.form);
  // Dropout between the feed-forward network's products, which published models do without, is no part of the
  // block.
  const bool as_one = options_.form == quant::Form::kFused && !masks.intermediate.keep.defined();
  const encoder::LayerResult<torch::Tensor> result =
      as_one ? encoder_block({.spec = config_,
                              .context = attended.context,
                              .hidden = hidden,
                              .sa_output_dropout = masks.sa_output,
                              .output_dropout = masks.output,
                              .linear = quantized_linear_},
                             modules)
             : encoder::finish_layer(ops, config_, hidden, attended.context);
  const SignalSelection& wanted = options_.signals;
  keep(wanted.attention_scores, attended.scores, signals.attention_scores);
  keep(wanted.attention_map, attended.map, signals.attention_map);
  keep(wanted.context, attended.context, signals.context);
  keep(wanted.sa_output, result.sa_output, signals.sa_output);
  keep(wanted.attention_output, result.attention_output, signals.attention_output);
  return result.hidden;
}

DropoutMask ForwardPass::draw_mask(std::int64_t count, double probability) {
  if (!options_.dropout || probability == 0.0) return {};
  return draw_dropout({.seed = options_.dropout->seed, .update = options_.dropout->update, .site = site_++},
                      probability, count);
}

torch::Tensor ForwardPass::drop_out(const torch::Tensor& values, double probability) {
  return drop(values, draw_mask(values.numel(), probability));
}

torch::Tensor ForwardPass::normalize(const torch::Tensor& x, const torch::Tensor& residual,
                                     const LayerNorm& norm) const {
  return layer_norm(x, {}, residual, norm, config_.layer_norm_eps, options_.form);
}

torch::Tensor ForwardPass::embed() {
  std::optional<quant::Quantizer> quantizer;
  if (quantization_) quantizer = embedding_quantizer(*quantization_);
  const auto look_up = [](const torch::Tensor& ids, const torch::Tensor& table) {
    return quant::embedding(ids, table, std::nullopt, quant::Form::kPlain);
  };
  const torch::Tensor word =
      quant::embedding(batch_.input_ids, weights_.word_embeddings, quantizer, options_.form);
  torch::Tensor others;
  if (config_.position_table) others = look_up(position_rows(config_, batch_), weights_.position_embeddings);
  if (config_.type_vocab_size > 0) {
    const torch::Tensor types =
        config_.only_first_token_type ? torch::zeros_like(batch_.token_type_ids) : batch_.token_type_ids;
    const torch::Tensor of_types = look_up(types, weights_.token_type_embeddings);
    others = others.defined() ? others + of_types : of_types;
  }
  const torch::Tensor embedded =
      drop_out(normalize(word, others, weights_.embeddings_norm), config_.dropout.embeddings);
  return weights_.embeddings_projection.weight.defined()
             ? float_linear(embedded, weights_.embeddings_projection, options_.form)
             : embedded;
}

AttentionTerms ForwardPass::attention_terms(std::size_t layer) {
  AttentionTerms terms{.window = config_.attention_of(static_cast<std::int64_t>(layer)).window};
  if (config_.relative_bias) add_relative_bias(terms);
  if (config_.disentangled) add_disentangled(weights_.layers[layer], terms);
  return terms;
}

void ForwardPass::add_relative_bias(AttentionTerms& terms) {
  const std::int64_t reach = longest_sequence(batch_.cu_seqlens) - 1;
  std::vector<std::int64_t> buckets;
  for (std::int64_t distance = -reach; distance <= reach; ++distance) {
    buckets.push_back(encoder::relative_bucket(*config_.relative_bias, distance));
  }
  terms.bias = weights_.relative_attention_bias.index_select(0, torch::tensor(buckets, torch::kInt64)).t();
}

void ForwardPass::add_disentangled(const EncoderLayer& layer, AttentionTerms& terms) {
  const encoder::DisentangledAttention& attention = *config_.disentangled;
  if (!relative_embeddings_.defined()) {
    relative_embeddings_ = weights_.relative_embeddings;
    if (attention.norm) relative_embeddings_ = normalize(relative_embeddings_, {}, weights_.relative_norm);
  }
  const torch::Tensor rows = drop_out(relative_embeddings_, config_.dropout.relative_embeddings);
  const auto project = [&](const quant::LinearParameters& own, const quant::LinearParameters& shared) {
    return quant::linear(rows, attention.share_key ? shared : own, quantized_linear_);
  };
  if (attention.content_to_position) terms.position_key = project(layer.position_key, layer.key);
  if (attention.position_to_content) terms.position_query = project(layer.position_query, layer.query);
  const std::int64_t reach = longest_sequence(batch_.cu_seqlens) - 1;
  for (std::int64_t distance = -reach; distance <= reach; ++distance) {
    terms.relative_rows.push_back(encoder::relative_row(attention, distance));
  }
}

torch::Tensor ForwardPass::pool(const torch::Tensor& hidden) const {
  return config_.head.pooling == encoder::Pooling::kFirstToken
             ? hidden.index_select(0, batch_.first_tokens)
             : mean_of_sequences(hidden, batch_.cu_seqlens, options_.form);
}

torch::Tensor ForwardPass::classify(const torch::Tensor& hidden) {
  const encoder::HeadSpec& head = config_.head;
  const torch::Tensor pooled = drop_out(pool(hidden), head.input_dropout);  // [B, D]
  torch::Tensor dense =
      quant::activate(quant::linear(pooled, weights_.head_dense, quantized_linear_), head.activation);
  if (head.norm) dense = normalize(dense, {}, weights_.head_norm);
  return float_linear(drop_out(dense, head.dropout), weights_.classifier, options_.form);
}

}  // namespace kdqat::model
