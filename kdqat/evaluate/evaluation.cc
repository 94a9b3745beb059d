#include "kdqat/evaluate/evaluation.h"

#include <algorithm>
#include <numeric>

#include "kdqat/base/error.h"

namespace kdqat::evaluate {

Predictions predict(const model::Classifier& classifier, const data::Dataset& dataset,
                    quant::Precision precision, const std::function<void(std::int64_t)>& on_progress) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> logits;
  for (std::int64_t first = 0; first < dataset.size(); first += kEvaluationBatch) {
    std::vector<std::int64_t> indices(
        static_cast<std::size_t>(std::min(kEvaluationBatch, dataset.size() - first)));
    std::iota(indices.begin(), indices.end(), first);
    logits.push_back(classifier
                         .forward(dataset.batch(indices),
                                  {.dropout = {}, .precision = precision, .signals = model::kNoSignals})
                         .logits);
    if (on_progress) on_progress(first + static_cast<std::int64_t>(indices.size()));
  }
  Predictions result{.logits = torch::cat(logits), .predictions = {}};
  const std::int64_t classes = result.logits.size(1);
  const float* values = result.logits.data_ptr<float>();
  for (std::int64_t row = 0; row < result.logits.size(0); ++row, values += classes) {
    result.predictions.push_back(
        classes == 1 ? static_cast<double>(*values)
                     : static_cast<double>(std::max_element(values, values + classes) - values));
  }
  return result;
}

Evaluation judge(const Predictions& answers, const data::Task& task, const data::Dataset& dataset) {
  if (!answers.logits.isfinite().all().item<bool>()) {
    throw base::NumericError("evaluation: expected finite logits, found NaN or infinity");
  }
  return evaluate_predictions(task, dataset.labels, answers.predictions);
}

Evaluation evaluate(const model::Classifier& classifier, const data::Task& task, const data::Dataset& dataset,
                    quant::Precision precision, const std::function<void(std::int64_t)>& on_progress) {
  return judge(predict(classifier, dataset, precision, on_progress), task, dataset);
}

}  // namespace kdqat::evaluate
