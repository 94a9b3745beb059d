#pragma once

#include <torch/types.h>

// Losses on the logits:
//
//   const torch::Tensor loss = logit_loss(teacher.logits, student.logits);  // both [B, C]

namespace kdqat::distill {

/// ground_truth: cross entropy with the labels, mean over sequences; for a regression (C = 1) the mean
/// squared error. logits [B, C]; labels int64 [B], or float32 [B] for a regression. Throws InvalidArgument
/// for labels that are missing, have another shape or dtype, or are outside of 0 .. C-1.
torch::Tensor ground_truth_loss(const torch::Tensor& logits, const torch::Tensor& labels);

/// logit (Hinton et al., 2015, arXiv:1503.02531): - sum_c softmax(z^T)_c log softmax(z^S)_c, mean over
/// sequences; for a regression (C = 1) MSE(z^S, z^T). Both logits z are [B, C].
torch::Tensor logit_loss(const torch::Tensor& teacher_logits, const torch::Tensor& student_logits);

}  // namespace kdqat::distill
