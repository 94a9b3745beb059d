#include "kdqat/runtime/position_tables.h"

#include <cmath>

#include "kdqat/encoder/positions.h"
#include "kdqat/kernels/layer_norm.h"
#include "kdqat/kernels/quantize.h"
#include "kdqat/runtime/layer_ops.h"

namespace kdqat::runtime {

PositionTables::PositionTables(const encoder::EncoderConfig& config, const Weights& weights,
                               kernels::InstructionSet set)
    : config_(config), reach_(config.max_length() - 1) {
  add_rotary();
  if (config.relative_bias) add_bias(weights.relative_attention_bias);
  if (config.disentangled) add_disentangled(weights, set);
}

void PositionTables::add_rotary() {
  for (const encoder::LayerAttention& attention : config_.layer_attention) {
    if (attention.rope_theta == 0.0) continue;
    rotary_.try_emplace(attention.rope_theta, attention.rope_theta, config_.head_size(),
                        config_.max_length());
  }
}

void PositionTables::add_bias(const float* table) {
  const std::int64_t heads = config_.num_attention_heads;
  for (std::int64_t head = 0; head < heads; ++head) {
    for (std::int64_t distance = -reach_; distance <= reach_; ++distance) {
      bias_.push_back(table[encoder::relative_bucket(*config_.relative_bias, distance) * heads + head]);
    }
  }
}

void PositionTables::add_disentangled(const Weights& weights, kernels::InstructionSet set) {
  const encoder::DisentangledAttention& attention = *config_.disentangled;
  for (std::int64_t distance = -reach_; distance <= reach_; ++distance) {
    rows_.push_back(static_cast<std::int32_t>(encoder::relative_row(attention, distance)));
  }
  const std::int64_t rows = 2 * attention.span();
  const std::int64_t d = config_.hidden_size;
  std::vector<float> embeddings(weights.relative_embeddings, weights.relative_embeddings + rows * d);
  if (attention.norm) {
    std::vector<float> mean(static_cast<std::size_t>(rows));
    std::vector<float> inverse(mean);
    kernels::layer_norm_forward({.rows = rows, .cols = d, .x = weights.relative_embeddings, .dropout = {}},
                                {.weight = weights.relative_norm.weight,
                                 .bias = weights.relative_norm.bias,
                                 .epsilon = static_cast<float>(config_.layer_norm_eps)},
                                {.mean = mean.data(), .inverse_deviation = inverse.data()},
                                embeddings.data());
  }
  std::vector<std::int8_t> codes(embeddings.size());
  std::vector<float> scales(static_cast<std::size_t>(rows));
  kernels::quantize_symmetric(embeddings.data(), {.count = rows, .size = d}, codes.data(), scales.data());
  const std::vector<std::int64_t> all_rows = {0, rows};
  const kernels::AttentionShape shape{
      .cu_seqlens = all_rows, .heads = config_.num_attention_heads, .head_size = config_.head_size()};
  const auto project = [&](const PackedLinear& linear) {
    base::AlignedVector<float> values(static_cast<std::size_t>(rows * d));
    multiply(linear, codes.data(), scales.data(), rows, set, values.data());
    kernels::fake_quantize_heads(shape, kernels::AttentionScales::kHead, values.data(), values.data());
    return values;
  };
  for (const LayerWeights& layer : weights.layers) {
    Projected& projected = projected_.emplace_back();
    if (attention.content_to_position) {
      projected.key = project(attention.share_key ? layer.key : layer.position_key);
    }
    if (attention.position_to_content) {
      projected.query = project(attention.share_key ? layer.query : layer.position_query);
    }
  }
}

void PositionTables::rotate(std::size_t layer, const kernels::AttentionShape& shape, float* query,
                            float* key) const {
  const double theta = config_.attention_of(static_cast<std::int64_t>(layer)).rope_theta;
  if (theta == 0.0) return;
  kernels::rotate_heads(rotary_.at(theta), shape, query);
  kernels::rotate_heads(rotary_.at(theta), shape, key);
}

kernels::AttentionTerms PositionTables::terms(std::size_t layer) const {
  kernels::AttentionTerms terms;
  terms.window = config_.attention_of(static_cast<std::int64_t>(layer)).window;
  terms.reach = reach_;
  if (!bias_.empty()) terms.bias = bias_.data();
  if (projected_.empty()) return terms;
  const Projected& projected = projected_[layer];
  const int kinds = 1 + (projected.key.empty() ? 0 : 1) + (projected.query.empty() ? 0 : 1);
  terms.factor = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.head_size() * kinds)));
  if (!projected.key.empty()) terms.position_key = projected.key.data();
  if (!projected.query.empty()) terms.position_query = projected.query.data();
  terms.key_index = rows_.data();
  terms.query_index = rows_.data();
  terms.positions = 2 * config_.disentangled->span();
  return terms;
}

}  // namespace kdqat::runtime
