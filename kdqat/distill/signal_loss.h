#pragma once

#include "kdqat/distill/loss.h"

// Mean squared errors between signals [T, D] of both models, one term a layer:
//
//   const LayerLoss loss = attention_output_loss(inputs);
//   loss.total.backward();

namespace kdqat::distill {

// Each loss is a sum over the selected layers. Nothing is padded, so every mean is over real tokens.

/// hidden_state (TernaryBERT, arXiv:2009.12812): sum of MSE(h_l^S, h_l^T) over the outputs of the selected
/// layers; with `all` also over the embeddings' output.
LayerLoss hidden_state_loss(const LossInputs& inputs);

/// attention_output, proposed for SA-PROP (arXiv:2211.11014): sum_l MSE of the signal after residual and
/// LayerNorm.
LayerLoss attention_output_loss(const LossInputs& inputs);

/// sa_output: sum_l MSE of the result of attention's output projection, before the residual.
LayerLoss sa_output_loss(const LossInputs& inputs);

/// context: sum_l MSE of attention map times value.
LayerLoss context_loss(const LossInputs& inputs);

}  // namespace kdqat::distill
