#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>

#include "kdqat/kernels/attention.h"
#include "kdqat/model/dropout.h"
#include "kdqat/quant/linear.h"

namespace kdqat::model {

/// The inputs of attention in one layer.
struct AttentionInputs {
  torch::Tensor query;                       ///< [T, D]
  torch::Tensor key;                         ///< [T, D]
  torch::Tensor value;                       ///< [T, D]
  DropoutMask dropout;                       ///< ragged, of the map
  std::span<const std::int64_t> cu_seqlens;  ///< [B+1]
  std::int64_t heads = 1;
  kernels::AttentionScales scales = kernels::AttentionScales::kNone;  ///< of query, key, value and the map
};

struct AttentionSignals {
  torch::Tensor scores;  ///< ragged: Q K^T / sqrt(D / H)
  torch::Tensor map;     ///< ragged: softmax of the scores over the keys of the same sentence, before dropout
  torch::Tensor context;  ///< [T, D]: the map, after dropout and quantization, times the value
};

/// Self-attention within each sentence. Differentiable in query, key and value from all three signals;
/// quantizers pass gradients straight through where |x| < kernels::kClip. The fused form takes float32 on a
/// CPU.
AttentionSignals attention(const AttentionInputs& inputs, quant::Form form);

}  // namespace kdqat::model
