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

/// Query, key and value [T, D], already quantized where they are to be.
struct AttentionOperands {
  const float* query = nullptr;
  const float* key = nullptr;
  const float* value = nullptr;
};

/// What the forward pass gives; all float32.
struct AttentionResult {
  float* scores = nullptr;  ///< ragged: query key^T / sqrt(head_size)
  float* map = nullptr;     ///< ragged: softmax of the scores over the keys of the same sentence
  float* quantized_map =
      nullptr;               ///< ragged: the map after dropout and quantization; `map` itself if neither
  float* context = nullptr;  ///< [T, D]: quantized_map value
};

/// Attention within each sentence. Dropout, whose mask is ragged, is applied to the map before it is
/// quantized with `map_scales`. Throws nothing.
void attention_forward(const AttentionShape& shape, const AttentionOperands& operands, const Dropout& dropout,
                       AttentionScales map_scales, const AttentionResult& result);

/// Gradients that arrive; each may be nullptr.
struct AttentionGradients {
  const float* scores = nullptr;   ///< ragged
  const float* map = nullptr;      ///< ragged, at the map before dropout
  const float* context = nullptr;  ///< [T, D]
};

/// Gradients with respect to the operands, [T, D] each, written in full.
struct AttentionOperandGradients {
  float* query = nullptr;
  float* key = nullptr;
  float* value = nullptr;
};

/// Backward of attention_forward; quantizing the map passes its gradient straight through. `map` and
/// `quantized_map` are those of the forward pass. A quantized map times the mask must be below kClip (dropout
/// below 0.6), where no gradient ends.
void attention_backward(const AttentionShape& shape, const AttentionOperands& operands, const float* map,
                        const float* quantized_map, const Dropout& dropout,
                        const AttentionGradients& arriving, const AttentionOperandGradients& result);

}  // namespace kdqat::kernels
