#pragma once

#include <torch/types.h>

#include <optional>

#include "kdqat/quant/fake_quantize.h"
#include "kdqat/quant/linear.h"

namespace kdqat::quant {

/// Rows of an embedding: ids int64 [T], weight [V, D] -> [T, D]. With a quantizer, each row that is looked
/// up, and no other, is quantized with a scale of its own; its gradient is straight-through (see
/// fake_quantize).
///
/// In the fused form (float32 on a CPU) the gradient of `weight` is a coalesced sparse tensor whose rows are
/// those looked up; in the plain form it is dense and differentiable again. Throws InvalidArgument for other
/// shapes or dtypes, or an id outside of 0 .. V-1.
torch::Tensor embedding(const torch::Tensor& ids, const torch::Tensor& weight,
                        std::optional<Quantizer> quantizer, Form form);

}  // namespace kdqat::quant
