#include "kdqat/convert/verify.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/convert/packed_tensors.h"
#include "kdqat/evaluate/evaluation.h"
#include "kdqat/evaluate/significance.h"
#include "kdqat/runtime/engine.h"

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
  const evaluate::AnswerDifferences differences = evaluate::compare_answers(labels, in_training, in_runtime);
  return {{"different_labels", differences.different}, {"mcnemar_p", differences.mcnemar_p_value()}};
}

}  // namespace

nlohmann::json verify(const VerifyInputs& inputs, const std::function<void(std::int64_t)>& on_progress) {
  std::int64_t passes = 0;
  const auto pass_done = [&] {
    ++passes;
    if (on_progress) on_progress(passes);
  };
  const PackedTensors expected_tensors = pack_parameters(inputs.student);
  const std::vector<std::string> different =
      different_tensors(expected_tensors, format::SafetensorsFile(inputs.packed));
  const evaluate::Predictions expected = evaluate::predict(inputs.student, inputs.dataset, inputs.precision);
  const evaluate::Evaluation evaluation =
      evaluate::evaluate_predictions(inputs.task, inputs.dataset.labels, expected.predictions);
  pass_done();

  const bool regression = inputs.dataset.regression;
  bool passed = different.empty();
  nlohmann::json paths;
  for (const simd::InstructionSet set : simd::available_instruction_sets()) {
    const runtime::Engine engine(inputs.packed, {.threads = base::num_threads(), .instruction_set = set});
    const std::vector<runtime::Classification> answers = engine.classify(inputs.dataset.encodings);
    const std::vector<double> predictions = predictions_of(answers, regression);
    const double difference = largest_difference(expected.logits, answers);
    nlohmann::json path = regression
                              ? nlohmann::json{{"different_labels", nullptr}, {"mcnemar_p", nullptr}}
                              : compare_labels(inputs.dataset.labels, expected.predictions, predictions);
    passed = passed && difference <= inputs.limits.logit_difference &&
             (regression || path.at("different_labels") <= inputs.limits.label_differences);
    path["score"] = evaluate::evaluate_predictions(inputs.task, inputs.dataset.labels, predictions).score;
    path["largest_logit_difference"] = difference;
    paths[std::string(simd::name_of(set))] = std::move(path);
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
