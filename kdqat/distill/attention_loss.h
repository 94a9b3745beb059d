#pragma once

#include "kdqat/distill/loss.h"

// Losses over pairs of tokens, one term a layer:
//
//   const LayerLoss loss = attention_map_loss(inputs, /*temperature=*/2.0);
//   loss.total.backward();

namespace kdqat::distill {

/// attention_score (TernaryBERT, arXiv:2009.12812): sum_l of the squared differences of attention_scores,
/// times 1 / (H sum_b n_b^2), which is the mean over heads and all pairs of tokens of one sequence.
LayerLoss attention_score_loss(const LossInputs& inputs);

/// attention_map, proposed for SA-GEN (arXiv:2211.11014), with p = softmax(scores / temperature), at least
/// 1e-8:
///
///   temperature^2 sum_l mean over sequences and heads of (1 / n_b) sum_ij p^T_ij (log p^T_ij - log p^S_ij)
///
/// At temperature infinity it is the limit, with d = scores^S - scores^T:
///
///   sum_l mean over sequences and heads of 1 / (2 n_b^2) sum_ij (d_ij - mean_j d_ij)^2
///
/// Throws InvalidArgument unless temperature > 0.
LayerLoss attention_map_loss(const LossInputs& inputs, double temperature = 1.0);

}  // namespace kdqat::distill
