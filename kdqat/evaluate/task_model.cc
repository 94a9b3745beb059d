#include "kdqat/evaluate/task_model.h"

#include <utility>

#include "kdqat/data/example_reader.h"
#include "kdqat/data/model_task.h"
#include "kdqat/model/pretrained.h"

namespace kdqat::evaluate {

TaskModel load_task_model(const TaskModelSource& source) {
  model::Classifier classifier = model::load_classifier(source.model_dir).classifier;
  const encoder::EncoderConfig config = classifier.config();
  data::Task task = data::resolve_task(source.task, source.custom, config, source.training_data);
  data::check_labels(config, task, source.model_dir);
  return {.classifier = std::move(classifier),
          .tokenizer = data::load_tokenizer(source.model_dir, config),
          .settings = model_settings(config),
          .task = std::move(task)};
}

data::Dataset load_split(const TaskModel& model, const std::filesystem::path& data_dir,
                         const std::string& split, std::int64_t max_seq_length) {
  const encoder::EncoderConfig& config = model.classifier.config();
  const std::int64_t length = max_seq_length > 0 ? max_seq_length : evaluation_length(config, model.task);
  data::check_max_seq_length(length, config);
  return data::load_dataset(model.task, data::split_file(model.task, data_dir, split), model.tokenizer,
                            length);
}

}  // namespace kdqat::evaluate
