#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "kdqat/kernels/attention.h"
#include "kdqat/model/dropout.h"
#include "kdqat/quant/linear.h"

namespace kdqat::model {

/// What a family adds to the scores, and which pairs of tokens exist. Undefined or empty: nothing of the
/// kind.
struct AttentionTerms {
  std::int64_t window = 0;  ///< pairs farther apart do not exist: score 0, map 0, no gradient; 0: all exist
  torch::Tensor bias =
      {};  ///< [H, 2 R + 1], R the longest sequence - 1: added where key - query + R is the column
  torch::Tensor position_key = {};    ///< [P, D]: query . position_key[row] is added before the scale
  torch::Tensor position_query = {};  ///< [P, D]: key . position_query[row] likewise
  std::vector<std::int64_t> relative_rows = {};  ///< [2 R + 1]: row of both by query - key + R
};

/// Tokens of the longest sequence.
std::int64_t longest_sequence(std::span<const std::int64_t> cu_seqlens);

/// The inputs of attention in one layer.
struct AttentionInputs {
  torch::Tensor query;                       ///< [T, D]
  torch::Tensor key;                         ///< [T, D]
  torch::Tensor value;                       ///< [T, D]
  DropoutMask dropout;                       ///< ragged, of the map
  std::span<const std::int64_t> cu_seqlens;  ///< [B+1]
  std::int64_t heads = 1;
  kernels::AttentionScales scales =
      kernels::AttentionScales::kNone;  ///< of query, key, value, the map and the positions' operands
  AttentionTerms terms = {};
};

struct AttentionSignals {
  torch::Tensor scores;  ///< ragged: (Q K^T + position terms) / sqrt(D / H times the number of terms) + bias
  torch::Tensor map;     ///< ragged: softmax of the scores over the keys of the same sentence, before dropout
  torch::Tensor context;  ///< [T, D]: the map, after dropout and quantization, times the value
};

/// Self-attention within each sentence. Differentiable in query, key, value and
/// the terms' tensors from all three signals;
/// quantizers pass gradients straight through where |x| < kernels::kClip. The fused form takes float32 on a
/// CPU.
AttentionSignals attention(const AttentionInputs& inputs, quant::Form form);

}  // namespace kdqat::model
