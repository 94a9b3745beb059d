#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kdqat/data/dataset.h"
#include "kdqat/evaluate/metrics.h"
#include "kdqat/model/classifier.h"

namespace kdqat::evaluate {

/// Sentences that are evaluated together. A constant, because with one activation scale a tensor the
/// sentences of a batch influence each other: a score can only be repeated to the last digit with the same
/// batches.
inline constexpr std::int64_t kEvaluationBatch = 32;

/// Answers of a classifier on a dataset, in its order.
struct Predictions {
  torch::Tensor logits;  ///< float32 [examples, C]
  std::vector<double>
      predictions;  ///< the class with the largest logit, the first of equals; for C = 1 the logit
};

/// Runs the classifier without dropout, kEvaluationBatch sentences at a time in the dataset's order.
/// `on_progress`, where given, gets the number of examples done after each batch.
Predictions predict(const model::Classifier& classifier, const data::Dataset& dataset,
                    quant::Precision precision, const std::function<void(std::int64_t)>& on_progress = {});

/// Judges a classifier's answers on a dataset by the task's metrics. Throws NumericError if a logit is not
/// finite, and as evaluate_predictions does.
Evaluation judge(const Predictions& answers, const data::Task& task, const data::Dataset& dataset);

/// predict, then judge.
Evaluation evaluate(const model::Classifier& classifier, const data::Task& task, const data::Dataset& dataset,
                    quant::Precision precision, const std::function<void(std::int64_t)>& on_progress = {});

}  // namespace kdqat::evaluate
