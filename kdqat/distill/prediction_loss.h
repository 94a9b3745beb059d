#pragma once

#include <torch/types.h>

namespace kdqat::distill {

/// ground_truth: cross entropy with the labels, mean over sentences; for a regression (C = 1) the mean
/// squared error. logits [B, C]; labels int64 [B], or float32 [B] for a regression. Throws InvalidArgument
/// for labels that are missing, of another shape or dtype, or outside of 0 .. C-1.
torch::Tensor ground_truth_loss(const torch::Tensor& logits, const torch::Tensor& labels);

/// logit: - sum_c softmax(z^T)_c log softmax(z^S)_c, mean over sentences (Hinton et al., 2015,
/// arXiv:1503.02531); for a regression (C = 1) MSE(z^S, z^T). Both [B, C].
torch::Tensor logit_loss(const torch::Tensor& teacher_logits, const torch::Tensor& student_logits);

}  // namespace kdqat::distill
