#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "kdqat/data/dataset.h"
#include "kdqat/data/task.h"
#include "kdqat/model/classifier.h"

namespace kdqat::convert {

/// What a packed student may differ in from the one in training.
struct VerifyLimits {
  double logit_difference = 1e-3;      ///< of any logit
  std::int64_t label_differences = 2;  ///< examples with another label, of a classification
};

/// What is compared: a student, the file that was packed from it, and examples for both.
struct VerifyInputs {
  model::Classifier& student;
  std::filesystem::path packed;
  const data::Task& task;
  const data::Dataset& dataset;
  quant::Precision precision = quant::Precision::kFp32;
  VerifyLimits limits = {};
};

/// Replays the dataset through training's forward pass and through the packed model, by every instruction set
/// that this processor has. `on_progress`, where given, gets the number of passes over the dataset that are
/// done. The report:
///   {"examples", "codes": {"tensors", "different": [names]},
///    "training": {"metric", "score"},
///    "runtime": {<instruction set>: {"score", "largest_logit_difference", "different_labels", "mcnemar_p"}},
///    "limits": {"logit_difference", "label_differences"}, "passed"}
/// "different" names the tensors whose bytes are not those that packing the student would write. mcnemar_p is
/// that of evaluate::AnswerDifferences; both are null for a regression. Throws as runtime::Engine and
/// evaluate::evaluate do.
nlohmann::json verify(const VerifyInputs& inputs, const std::function<void(std::int64_t)>& on_progress = {});

}  // namespace kdqat::convert
