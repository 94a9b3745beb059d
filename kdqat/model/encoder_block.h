#pragma once

#include <torch/types.h>

#include "kdqat/model/dropout.h"
#include "kdqat/model/layer_norm.h"
#include "kdqat/quant/linear.h"

namespace kdqat::model {

/// Parameters of what follows attention in an encoder layer.
struct BlockParameters {
  const quant::LinearParameters& attention_output;  ///< [D, D]
  const LayerNorm& attention_norm;
  const quant::LinearParameters& intermediate;  ///< [F, D]
  const quant::LinearParameters& output;        ///< [D, F]
  const LayerNorm& output_norm;
};

/// What a block computes from, and how.
struct BlockInputs {
  torch::Tensor context;          ///< [T, D], of attention
  torch::Tensor hidden;           ///< [T, D], the layer's input
  DropoutMask sa_output_dropout;  ///< of sa_output, T * D elements
  DropoutMask output_dropout;     ///< of the feed-forward network's result
  double epsilon = 1e-12;         ///< of both LayerNorms
  quant::LinearOptions linear;    ///< of the three linears; form chooses for the block
};

struct BlockSignals {
  torch::Tensor sa_output;         ///< [T, D]
  torch::Tensor attention_output;  ///< [T, D]
  torch::Tensor hidden;            ///< [T, D], the layer's result
};

///   sa_output = linear(context); attention_output = LayerNorm(dropout(sa_output) + hidden);
///   hidden' = LayerNorm(dropout(linear(GELU(linear(attention_output)))) + attention_output).
///
/// The fused form takes a group of tokens through all of it before the next, so that what lies between stays
/// in a core's cache; backward it is differentiable once, in both inputs and all parameters. Throws
/// InvalidArgument as quant::linear does.
BlockSignals encoder_block(const BlockInputs& inputs, const BlockParameters& parameters);

}  // namespace kdqat::model
