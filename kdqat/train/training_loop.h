#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kdqat/data/dataset.h"
#include "kdqat/data/task.h"
#include "kdqat/distill/objective.h"
#include "kdqat/evaluate/evaluation.h"
#include "kdqat/format/model_card.h"
#include "kdqat/format/run_log.h"
#include "kdqat/model/classifier.h"
#include "kdqat/train/training_config.h"

namespace kdqat::train {

/// What is recorded of a model while it is trained, beside its losses and scores: an analysis, which this
/// folder does not know.
struct TrainingObserver {
  std::int64_t steps =
      0;  ///< updates from one record to the next; also before the first and after the last. 0: none

  /// A line of metrics.jsonl, to which the step is added. `selection`: what the best model is chosen on.
  std::function<format::RankingRecord(const model::Classifier& classifier, const data::Dataset& selection)>
      record = {};
};

/// What a run tells while it goes on. Every function may be empty.
struct TrainingCallbacks {
  struct Step {
    std::int64_t step = 0;   ///< updates done
    std::int64_t total = 0;  ///< updates of the whole run
    double loss = 0.0;
    double learning_rate = 0.0;
    double tokens_per_second = 0.0;
  };
  std::function<void(const Step&)> on_step;
  std::function<void(const std::string&)> on_message;  ///< one line for a person
  std::function<bool()> stop_requested;                ///< asked after every update
  TrainingObserver observer = {};
};

/// What a run came to.
struct TrainingResult {
  std::int64_t steps = 0;
  std::int64_t best_step = 0;
  double best_score = 0.0;
  double last_score = 0.0;
  std::string metric;
};

/// Everything that a run is made of. References must outlive the run.
struct TrainingRun {
  std::string command;              ///< "finetune" or "distill", for the record
  const TrainingConfig& config;     ///< with no zeros left: see resolve
  nlohmann::json effective_config;  ///< of the command, for the record and for resuming
  const data::Task& task;
  const data::Dataset& train;
  const data::Dataset& selection;       ///< what the best model is chosen on
  model::Classifier& classifier;        ///< the model to train
  std::filesystem::path tokenizer_dir;  ///< whose tokenizer files the model keeps
  format::ModelCard provenance;         ///< what the model's config.json says of its origin
  std::string readme;                   ///< README.md of the model's directory; empty for none

  /// Losses of the update `update` (from 0) on a batch: the graph of the total.
  std::function<distill::ObjectiveResult(const data::Batch& batch, std::int64_t update)> losses;
};

/// What the run in the output directory came to, if one has ended there.
std::optional<TrainingResult> finished_result(const TrainingConfig& config);

/// Trains with BertAdam, evaluates every eval_steps updates and at the end, keeps the best model in the
/// output directory and the last in last/, writes metrics.jsonl, and a checkpoint at intervals and when asked
/// to stop.
///
/// With config.resume it goes on from the checkpoint to the same bits as a run without a break (with the same
/// number of threads), or from the beginning where there is none.
///
/// Throws InvalidArgument if the output directory is not free or the settings are not those of the
/// checkpoint; NumericError for a loss or gradient that is not finite, with the last checkpoint and best
/// model kept; Interrupted when callbacks.stop_requested said so, with a checkpoint written; IoError where
/// the system refuses.
TrainingResult run_training(const TrainingRun& run, const TrainingCallbacks& callbacks);

}  // namespace kdqat::train
