#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kdqat/kernels/dropout.h"

namespace kdqat::kernels {

/// Which pairs of tokens attend to each other. Tokens of sentence b are cu_seqlens[b] .. cu_seqlens[b+1]-1 of
/// T; n_b is their number. Matrices [T, D] keep the heads side by side, D = heads * head_size.
///
/// Values a pair of tokens (scores, map) are "ragged": one run of heads * n_b * n_b floats a sentence,
/// row-major [heads, n_b, n_b], sentence after sentence. `ragged_size` is their total.
struct AttentionShape {
  std::span<const std::int64_t> cu_seqlens;  ///< [B+1], from 0 to T, ascending
  std::int64_t heads = 1;
  std::int64_t head_size = 1;

  std::int64_t sentences() const { return static_cast<std::int64_t>(cu_seqlens.size()) - 1; }
  std::int64_t tokens() const { return cu_seqlens.back(); }
  std::int64_t length(std::int64_t sentence) const {
    return cu_seqlens[static_cast<std::size_t>(sentence) + 1] -
           cu_seqlens[static_cast<std::size_t>(sentence)];
  }
  /// Start of each sentence's pairs in a ragged tensor, [B+1]; the last is ragged_size().
  std::vector<std::int64_t> ragged_starts() const;
  std::int64_t ragged_size() const { return ragged_starts().back(); }
};

/// What shares a scale when an operand of attention is quantized to 8 bits (kernels::quantize_symmetric).
enum class AttentionScales {
  kNone,    ///< not quantized
  kHead,    ///< one scale a sentence and head
  kTensor,  ///< one scale for all
};

/// out = the values that the 8-bit codes of `values` [T, D] stand for; a copy for kNone. Returns whether a
/// magnitude reaches kClip, where gradients end; false for kNone.
bool fake_quantize_heads(const AttentionShape& shape, AttentionScales scales, const float* values,
                         float* out);

/// Query, key and value [T, D], already rotated and quantized where they are to be.
struct AttentionOperands {
  const float* query = nullptr;
  const float* key = nullptr;
  const float* value = nullptr;
};

/// What the scores of a family have besides the product of query and key. The score of query token i and key
/// token j of a sentence, counted within it, in head h is
///
///   factor (q_i k_j + q_i position_key[key_index[i - j + reach]]
///                   + k_j position_query[query_index[i - j + reach]]) + bias[h][j - i + reach]
///
/// of which the parts with a nullptr are left out. All float32 unless said otherwise. Nothing is checked:
/// reach is at least the longest sentence's length - 1 where a table is given, each index is below positions.
struct AttentionTerms {
  float factor = 0.0F;      ///< 0: 1 / sqrt(head_size)
  std::int64_t window = 0;  ///< pairs with |i - j| > window do not exist; 0: all exist
  std::int64_t reach = 0;   ///< of the tables of distances: -reach .. reach
  const float* bias =
      nullptr;  ///< [H, 2 reach + 1]; MPNet's relative attention bias, a head's row by distance
  /// DeBERTa's content-to-position product: position_key [R, D], key_index int32 [2 reach + 1]. With
  /// transformers' rel(d) (make_log_bucket_position) and span, key_index[d + reach] is clamp(rel(d) + span,
  /// 0, 2 span - 1).
  const float* position_key = nullptr;
  const std::int32_t* key_index = nullptr;
  /// Its position-to-content product: position_query [R, D], query_index int32 [2 reach + 1]. transformers
  /// looks clamp(-rel(j - i) + span, 0, 2 span - 1) up; since rel(-d) = -rel(d), the table is that of
  /// key_index.
  const float* position_query = nullptr;
  const std::int32_t* query_index = nullptr;
  std::int64_t positions = 0;  ///< R
};

/// What attention_forward and attention_backward are given; the same for both.
///
///   const AttentionInput input{.shape = shape, .operands = {query, key, value}, .terms = {.window = 64}};
///   attention_forward(input, {.scores = scores, .map = map, .quantized_map = map, .context = context});
///   attention_backward(input, {.map = map, .quantized_map = map}, {.context = grad_context},
///                      {.query = grad_query, .key = grad_key, .value = grad_value});
struct AttentionInput {
  AttentionShape shape = {};
  AttentionOperands operands = {};
  AttentionTerms terms = {};
  Dropout dropout = {};  ///< of the map, with a ragged mask, before it is quantized
  AttentionScales map_scales = AttentionScales::kNone;
};

/// What the forward pass gives; all float32. Where a pair does not exist (AttentionTerms::window), each of
/// the ragged results is 0.
struct AttentionResult {
  float* scores = nullptr;  ///< ragged: query key^T / sqrt(head_size), and what the terms add
  float* map = nullptr;     ///< ragged: softmax of the scores over the keys of the same sentence
  float* quantized_map =
      nullptr;               ///< ragged: the map after dropout and quantization; `map` itself if neither
  float* context = nullptr;  ///< [T, D]: quantized_map value
};

/// Attention within each sentence. Throws nothing.
void attention_forward(const AttentionInput& input, const AttentionResult& result);

inline void attention_forward(const AttentionShape& shape, const AttentionOperands& operands,
                              const Dropout& dropout, AttentionScales map_scales,
                              const AttentionResult& result) {
  attention_forward({.shape = shape, .operands = operands, .dropout = dropout, .map_scales = map_scales},
                    result);
}

/// What backward needs of the forward pass's result, both ragged.
struct AttentionSaved {
  const float* map = nullptr;
  const float* quantized_map = nullptr;
};

/// Gradients that arrive; each may be nullptr. Where a pair does not exist they are not read.
struct AttentionGradients {
  const float* scores = nullptr;   ///< ragged
  const float* map = nullptr;      ///< ragged, at the map before dropout
  const float* context = nullptr;  ///< [T, D]
};

/// Gradients with respect to the operands, [T, D] each, and to the tables of the terms; written in full.
/// Those of the tables may be nullptr: not wanted.
struct AttentionOperandGradients {
  float* query = nullptr;
  float* key = nullptr;
  float* value = nullptr;
  float* bias = nullptr;            ///< [H, 2 reach + 1]
  float* position_key = nullptr;    ///< [R, D]
  float* position_query = nullptr;  ///< [R, D]
};

/// Backward of attention_forward; quantizing the map passes its gradient straight through. A quantized map
/// times the mask must be below kClip (dropout below 0.6), where no gradient ends. The order of every sum is
/// fixed, whatever the number of threads. Throws nothing.
void attention_backward(const AttentionInput& input, const AttentionSaved& saved,
                        const AttentionGradients& grad_output, const AttentionOperandGradients& result);

inline void attention_backward(const AttentionShape& shape, const AttentionOperands& operands,
                               const float* map, const float* quantized_map, const Dropout& dropout,
                               const AttentionGradients& arriving, const AttentionOperandGradients& result) {
  attention_backward({.shape = shape, .operands = operands, .dropout = dropout},
                     {.map = map, .quantized_map = quantized_map}, arriving, result);
}

}  // namespace kdqat::kernels
