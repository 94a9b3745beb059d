#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "kdqat/data/custom_task.h"
#include "kdqat/distill/objective.h"
#include "kdqat/format/quantization_config.h"
#include "kdqat/quant/linear.h"

namespace kdqat::train {

/// What fine-tuning and distilling share. Zeros stand for the task's own value (data::Task).
struct TrainingConfig {
  std::string task;                               ///< a name of data::task_names(), or "custom"
  std::optional<data::CustomTaskOptions> custom;  ///< of the task "custom"; none: as the model has it
  std::filesystem::path data_dir;                 ///< where the task's files are
  std::filesystem::path output_dir;               ///< the run's directory
  std::filesystem::path train_file;  ///< replaces the task's training file, e.g. augmented; empty: the task's
  double learning_rate = 2e-5;       ///< peak
  std::int64_t epochs = 3;
  std::int64_t max_steps = 0;       ///< most updates; the schedule ends there; 0: no limit
  std::int64_t batch_size = 0;      ///< sentences or pairs
  std::int64_t batch_tokens = 0;    ///< most tokens a batch, instead of batch_size; 0: by batch_size
  bool bucket_by_length = false;    ///< batches of similar lengths
  std::int64_t max_seq_length = 0;  ///< tokens, [CLS] and [SEP] counted
  std::int64_t eval_steps = 0;      ///< updates from one evaluation to the next
  bool hold_out =
      false;  ///< the best model is chosen on a part of the training file (data/hold_out.h), not dev
  std::uint64_t seed = 42;
  quant::Precision precision = quant::default_precision();
  double checkpoint_seconds = 60;  ///< least time between checkpoints; 0: after every update
  bool resume = false;
  bool overwrite = false;
};

struct FinetuneConfig {
  std::filesystem::path model_dir;
  TrainingConfig training;
};

struct DistillConfig {
  std::filesystem::path teacher_dir;
  distill::ObjectiveConfig objective;
  format::QuantizationConfig quantization;
  TrainingConfig training;
};

/// Every setting that decides a run's result; for the record and to see whether a run can be resumed.
nlohmann::json to_json(const FinetuneConfig& config);
nlohmann::json to_json(const DistillConfig& config);

/// Where the settings that a run goes on with first differ from those that it began with: "a.b: expected x,
/// found y"; empty if nowhere.
std::string first_difference(const nlohmann::json& begun, const nlohmann::json& given);

}  // namespace kdqat::train
