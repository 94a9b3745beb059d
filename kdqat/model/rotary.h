#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>

#include "kdqat/quant/linear.h"

namespace kdqat::model {

struct RotaryInputs {
  std::span<const std::int64_t> cu_seqlens;  ///< [B+1]
  std::int64_t heads = 1;
  double theta = 10000.0;
};

/// Rotary position embedding (Su et al., 2021, arXiv:2104.09864) of x [T, D] whose heads lie side by side:
///
///   query = rotary_embedding(query, {cu_seqlens, heads, 10000.0}, Form::kFused);
///
/// With h = D / heads, elements i and i + h / 2 of a head turn together by position * theta^(-2 i / h), where
/// the position counts from 0 in each sequence. Angles are computed in float32, as Hugging Face does. The
/// reference form takes any floating dtype and is differentiable twice; the fused one takes float32 on a CPU.
/// Throws InvalidArgument for an odd h.
torch::Tensor rotary_embedding(const torch::Tensor& x, const RotaryInputs& inputs, quant::Form form);

}  // namespace kdqat::model
