#pragma once

#include "kdqat/distill/loss.h"

namespace kdqat::distill {

/// Mean squared errors between signals [T, D] of both models, summed over the chosen layers. No sentence is
/// padded, so every mean is over real tokens.

/// hidden_state: sum of MSE(h_l^S, h_l^T) over the chosen layers' outputs, and over the embedding output with
/// `all` (TernaryBERT, arXiv:2009.12812).
LayerLoss hidden_state_loss(const LossInputs& inputs);

/// attention_output: sum_l MSE of the signal after residual and LayerNorm; proposed for SA-PROP
/// (arXiv:2211.11014).
LayerLoss attention_output_loss(const LossInputs& inputs);

/// sa_output: sum_l MSE of the attention's output projection, before the residual.
LayerLoss sa_output_loss(const LossInputs& inputs);

/// context: sum_l MSE of map times value.
LayerLoss context_loss(const LossInputs& inputs);

}  // namespace kdqat::distill
