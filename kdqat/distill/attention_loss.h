#pragma once

#include "kdqat/distill/loss.h"

namespace kdqat::distill {

/// attention_score: sum_l of the squared difference of scores, mean over heads and all pairs of tokens of one
/// sentence: 1 / (H sum_b n_b^2) (TernaryBERT, arXiv:2009.12812).
LayerLoss attention_score_loss(const LossInputs& inputs);

/// attention_map: sum_l mean over sentences and heads of (1 / n_b) sum_ij p^T_ij (log p^T_ij - log p^S_ij),
/// with p = softmax(scores / temperature) clamped from below at 1e-8, times temperature^2; proposed for
/// SA-GEN (arXiv:2211.11014). At temperature infinity its limit: mean over sentences and heads of 1 / (2
/// n_b^2) sum_ij (d_ij - mean_j d_ij)^2 with d = scores^S - scores^T. Throws InvalidArgument unless
/// temperature > 0.
LayerLoss attention_map_loss(const LossInputs& inputs, double temperature = 1.0);

}  // namespace kdqat::distill
