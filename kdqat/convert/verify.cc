#include "kdqat/convert/verify.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/convert/packed_tensors.h"
#include "kdqat/runtime/engine.h"
#include "kdqat/train/evaluation.h"

namespace kdqat::convert {
namespace {

/// Names of the student's tensors whose bytes in the file are others.
std::vector<std::string> different_tensors(const PackedTensors& expected,
                                           const format::SafetensorsFile& file) {
  std::vector<std::string> names;
  for (const format::TensorToWrite& tensor : expected.tensors()) {
    const format::TensorView* view = file.find(tensor.name);
    if (view == nullptr || view->dtype != tensor.dtype || view->shape != tensor.shape ||
        !std::equal(view->bytes.begin(), view->bytes.end(), tensor.bytes.begin(), tensor.bytes.end())) {
      names.push_back(tensor.name);
    }
  }
  return names;
}

double largest_difference(const torch::Tensor& logits, const std::vector<runtime::Classification>& answers) {
  double largest = 0.0;
  const float* expected = logits.data_ptr<float>();
  for (const runtime::Classification& answer : answers) {
    for (const float logit : answer.logits) {
      largest = std::max(largest, std::fabs(static_cast<double>(logit) - static_cast<double>(*expected++)));
    }
  }
  return largest;
}

std::vector<double> predictions_of(const std::vector<runtime::Classification>& answers, bool regression) {
  std::vector<double> predictions;
  for (const runtime::Classification& answer : answers) {
    predictions.push_back(regression ? answer.scores[0] : static_cast<double>(answer.label));
  }
  return predictions;
}

/// Examples with another label, and McNemar's p-value.
nlohmann::json compare_labels(const std::vector<double>& labels, const std::vector<double>& in_training,
                              const std::vector<double>& in_runtime) {
  std::int64_t different = 0;
  std::int64_t only_training_right = 0;
  std::int64_t only_runtime_right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (in_training[i] == in_runtime[i]) continue;
    ++different;
    only_training_right += in_training[i] == labels[i] ? 1 : 0;
    only_runtime_right += in_runtime[i] == labels[i] ? 1 : 0;
  }
  return {{"different_labels", different},
          {"mcnemar_p", mcnemar_p_value(only_training_right, only_runtime_right)}};
}

}  // namespace

double mcnemar_p_value(std::int64_t first, std::int64_t second) {
  const auto n = static_cast<double>(first + second);
  double tail = 0.0;
  for (std::int64_t k = 0; k <= std::min(first, second); ++k) {
    const auto i = static_cast<double>(k);
    tail +=
        std::exp(std::lgamma(n + 1.0) - std::lgamma(i + 1.0) - std::lgamma(n - i + 1.0) - n * std::log(2.0));
  }
  return std::min(1.0, 2.0 * tail);
}

nlohmann::json verify(const VerifyInputs& inputs, const std::function<void(std::int64_t)>& on_progress) {
  std::int64_t passes = 0;
  const auto pass_done = [&] {
    ++passes;
    if (on_progress) on_progress(passes);
  };
  const PackedTensors expected_tensors = pack_parameters(inputs.student);
  const std::vector<std::string> different =
      different_tensors(expected_tensors, format::SafetensorsFile(inputs.packed));
  const train::Predictions expected = train::predict(inputs.student, inputs.dataset, inputs.precision);
  const train::Evaluation evaluation =
      train::evaluate_predictions(inputs.task, inputs.dataset.labels, expected.predictions);
  pass_done();

  const bool regression = inputs.dataset.regression;
  bool passed = different.empty();
  nlohmann::json paths;
  for (const kernels::InstructionSet set : kernels::available_instruction_sets()) {
    const runtime::Engine engine(inputs.packed, {.threads = base::num_threads(), .instruction_set = set});
    const std::vector<runtime::Classification> answers = engine.classify(inputs.dataset.encodings);
    const std::vector<double> predictions = predictions_of(answers, regression);
    const double difference = largest_difference(expected.logits, answers);
    nlohmann::json path = regression
                              ? nlohmann::json{{"different_labels", nullptr}, {"mcnemar_p", nullptr}}
                              : compare_labels(inputs.dataset.labels, expected.predictions, predictions);
    passed = passed && difference <= inputs.limits.logit_difference &&
             (regression || path.at("different_labels") <= inputs.limits.label_differences);
    path["score"] = train::evaluate_predictions(inputs.task, inputs.dataset.labels, predictions).score;
    path["largest_logit_difference"] = difference;
    paths[std::string(kernels::name_of(set))] = std::move(path);
    pass_done();
  }
  return {{"examples", inputs.dataset.size()},
          {"codes", {{"tensors", expected_tensors.tensors().size()}, {"different", different}}},
          {"training", {{"metric", evaluation.metric}, {"score", evaluation.score}}},
          {"runtime", paths},
          {"limits",
           {{"logit_difference", inputs.limits.logit_difference},
            {"label_differences", inputs.limits.label_differences}}},
          {"passed", passed}};
}

}  // namespace kdqat::convert
