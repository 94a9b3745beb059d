#pragma once

#include <torch/types.h>

#include "kdqat/encoder/encoder_spec.h"
#include "kdqat/encoder/layer.h"
#include "kdqat/model/dropout.h"
#include "kdqat/model/weights.h"
#include "kdqat/quant/linear.h"

/// The fused form of what follows attention in a layer, in every family:
///
///   const encoder::LayerResult<torch::Tensor> result =
///       encoder_block({.spec = config, .context = context, .hidden = hidden, .linear = options}, layer);
namespace kdqat::model {

/// What a block computes from, and how.
struct BlockInputs {
  const encoder::EncoderSpec& spec;
  torch::Tensor context;          ///< [T, D], of attention
  torch::Tensor hidden;           ///< [T, D], the layer's input
  DropoutMask sa_output_dropout;  ///< of sa_output, T * D elements
  DropoutMask output_dropout;     ///< of the feed-forward network's result
  quant::LinearOptions linear;    ///< of all linears
};

/// encoder::finish_layer, a group of tokens through all of it before the next, so that what lies between
/// stays in a core's cache; float32 on a CPU, without dropout between the feed-forward network's products.
/// Backward it is differentiable once, in both inputs and all parameters.
encoder::LayerResult<torch::Tensor> encoder_block(const BlockInputs& inputs, const EncoderLayer& layer);

}  // namespace kdqat::model
