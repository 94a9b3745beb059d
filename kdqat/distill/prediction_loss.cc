#include "kdqat/distill/prediction_loss.h"

#include "kdqat/base/error.h"

namespace kdqat::distill {
namespace {

void check_labels(const torch::Tensor& logits, const torch::Tensor& labels) {
  const bool regression = logits.size(1) == 1;
  if (!labels.defined()) throw base::InvalidArgument("labels: expected one a sentence, found none");
  const bool fits = regression ? labels.is_floating_point() : labels.scalar_type() == torch::kInt64;
  if (labels.sizes() != torch::IntArrayRef{logits.size(0)} || !fits) {
    throw base::InvalidArgument(base::concat("labels: expected ", regression ? "scores" : "class ids", " [",
                                             logits.size(0), "], found ", labels.scalar_type(), " ",
                                             labels.sizes()));
  }
  if (regression) return;
  const auto smallest = labels.min().item<std::int64_t>();
  const auto largest = labels.max().item<std::int64_t>();
  if (smallest < 0 || largest >= logits.size(1)) {
    throw base::InvalidArgument(base::concat("labels: expected class ids from 0 to ", logits.size(1) - 1,
                                             ", found ", smallest < 0 ? smallest : largest));
  }
}

}  // namespace

torch::Tensor ground_truth_loss(const torch::Tensor& logits, const torch::Tensor& labels) {
  check_labels(logits, labels);
  if (logits.size(1) == 1) return torch::mse_loss(logits.squeeze(1), labels.to(logits.options()));
  return torch::nll_loss(torch::log_softmax(logits, 1), labels);
}

torch::Tensor logit_loss(const torch::Tensor& teacher_logits, const torch::Tensor& student_logits) {
  if (student_logits.size(1) == 1) return torch::mse_loss(student_logits, teacher_logits);
  return -(teacher_logits.softmax(1) * student_logits.log_softmax(1)).sum(1).mean();
}

}  // namespace kdqat::distill
