#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "kdqat/data/custom_task.h"
#include "kdqat/data/dataset.h"
#include "kdqat/data/task.h"
#include "kdqat/evaluate/model_settings.h"
#include "kdqat/model/classifier.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat::evaluate {

/// A model's directory, and the task that it is for, as a command names both.
struct TaskModelSource {
  std::filesystem::path model_dir;
  std::string task;                                    ///< of data::task_names(), or "custom"
  std::optional<data::CustomTaskOptions> custom = {};  ///< of the task "custom"; none: as the model has it
  std::filesystem::path
      training_data;  ///< folder or file that classes are found in where nothing else says them
};

/// A trained classifier with all that running it on its task's data takes.
///
///   const TaskModel model = load_task_model({"student", "sst-2", {}, "glue/sst-2"});
///   const data::Dataset dev = load_split(model, "glue/sst-2", "dev");
///   const Evaluation result = evaluate(model.classifier, model.task, dev, model.settings.precision);
struct TaskModel {
  model::Classifier classifier;
  text::Tokenizer tokenizer;
  ModelSettings settings;
  data::Task task;
};

/// Throws as model::load_classifier, data::resolve_task, data::check_labels, data::load_tokenizer and
/// model_settings do.
TaskModel load_task_model(const TaskModelSource& source);

/// A split of the task's data, texts cut at `max_seq_length`; 0: as evaluation_length says. Throws as
/// data::check_max_seq_length, data::split_file and data::load_dataset do.
data::Dataset load_split(const TaskModel& model, const std::filesystem::path& data_dir,
                         const std::string& split, std::int64_t max_seq_length = 0);

}  // namespace kdqat::evaluate
