#pragma once

#include <array>
#include <cstdint>

#include "kdqat/encoder/encoder_spec.h"
#include "kdqat/encoder/modules.h"

/// The steps of one encoder layer, written once: training's reference form, its fused form and the runtime
/// run these. What a step computes with is up to `Ops`; what it hands on is its `Value`: a tensor, or rows of
/// a buffer.
///
///   const auto [query, key, value] = project(ops, spec, layer, hidden);
///   ... attention ...
///   const auto result = finish_layer(ops, spec, hidden, context);   // result.hidden is the layer's output
///
/// Ops has, with the parameters of this layer's module of a Role:
///   array<Value, N> linears(array<Role, N>, x)      linear(x) each; x is quantized once
///   Value activated_linear(role, act, x)            linear(act(x))
///   Value gated_linear(role, act, x, gate)          linear(act(x) * gate)
///   Value norm(role, x)                             LayerNorm(x)
///   Value add(role of the linear, x, residual)      dropout(x) + residual
///   Value add_norm(role of the norm, x, residual)   LayerNorm(dropout(x) + residual)
///   Value rotate(x, theta)                          rotary position embedding of each head
namespace kdqat::encoder {

template <typename Value>
struct Projections {
  Value query, key, value;  ///< [T, D]
};

template <typename Value>
struct LayerResult {
  Value sa_output;         ///< [T, D]: output projection of attention, before the residual
  Value attention_output;  ///< [T, D]: behind the residual and, in post-norm layers, its LayerNorm
  Value hidden;            ///< [T, D]: the layer's result
};

/// From hidden states [T, D] to the operands of attention.
template <typename Ops, typename Value>
Projections<Value> project(Ops& ops, const EncoderSpec& spec, std::int64_t layer, const Value& hidden) {
  const bool norm_first = spec.norm_order == NormOrder::kPre && (layer > 0 || spec.first_attention_norm);
  auto [query, key, value] = ops.linears(std::array{Role::kQuery, Role::kKey, Role::kValue},
                                         norm_first ? ops.norm(Role::kAttentionNorm, hidden) : hidden);
  if (const double theta = spec.attention_of(layer).rope_theta; theta > 0.0) {
    query = ops.rotate(query, theta);
    key = ops.rotate(key, theta);
  }
  return {query, key, value};
}

/// From attention's context [T, D] and the layer's input to its result.
template <typename Ops, typename Value>
LayerResult<Value> finish_layer(Ops& ops, const EncoderSpec& spec, const Value& hidden,
                                const Value& context) {
  const bool pre_norm = spec.norm_order == NormOrder::kPre;
  LayerResult<Value> result;
  result.sa_output = ops.linears(std::array{Role::kAttentionOutput}, context)[0];
  result.attention_output = pre_norm ? ops.add(Role::kAttentionOutput, result.sa_output, hidden)
                                     : ops.add_norm(Role::kAttentionNorm, result.sa_output, hidden);
  const Value x = pre_norm ? ops.norm(Role::kOutputNorm, result.attention_output) : result.attention_output;
  Value output;
  if (spec.gated) {
    const auto [intermediate, gate] = ops.linears(std::array{Role::kIntermediate, Role::kGate}, x);
    output = ops.gated_linear(Role::kOutput, spec.hidden_act, intermediate, gate);
  } else {
    const auto [intermediate] = ops.linears(std::array{Role::kIntermediate}, x);
    output = ops.activated_linear(Role::kOutput, spec.hidden_act, intermediate);
  }
  result.hidden = pre_norm ? ops.add(Role::kOutput, output, result.attention_output)
                           : ops.add_norm(Role::kOutputNorm, output, result.attention_output);
  return result;
}

}  // namespace kdqat::encoder
