#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>

#include "kdqat/quant/linear.h"

/// Operations that stay in floating point in a student. Their fused forms run the code of the packed model
/// forward, so that what quantizes their result meets the same bits there:
///
///   logits = float_linear(pooled, weights.classifier, Form::kFused);
namespace kdqat::model {

/// x W^T + b: x [T, in] -> [T, out]. Differentiable in all three; the fused form once, float32 on a CPU.
torch::Tensor float_linear(const torch::Tensor& x, const quant::LinearParameters& layer, quant::Form form);

/// The mean of each sequence's rows: x [T, D] -> [B, D]. Differentiable, as float_linear.
torch::Tensor mean_of_sequences(const torch::Tensor& x, std::span<const std::int64_t> cu_seqlens,
                                quant::Form form);

}  // namespace kdqat::model
