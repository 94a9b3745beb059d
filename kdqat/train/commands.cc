#include "kdqat/train/commands.h"

#include <algorithm>

#include "kdqat/base/error.h"
#include "kdqat/data/hold_out.h"
#include "kdqat/data/model_task.h"
#include "kdqat/distill/prediction_loss.h"
#include "kdqat/evaluate/task_model.h"
#include "kdqat/format/model_card.h"
#include "kdqat/format/model_directory.h"
#include "kdqat/model/pretrained.h"
#include "kdqat/train/run_directory.h"

namespace kdqat::train {
namespace {

constexpr const char* kStudentReadme =
    "# A quantized student\n\n"
    "Trained by kdqat. `model.safetensors` holds the latent float32 weights; `config.json` (section `kdqat`) "
    "says how they\n"
    "are quantized in every forward pass. A program that loads this directory as an ordinary BERT runs the "
    "latent\n"
    "weights, which is another model with other scores. For a directory whose weights are the quantized "
    "values:\n\n"
    "    kdqat export --dequantized --model THIS_DIRECTORY --output NEW_DIRECTORY\n";

/// Fills what the configuration leaves to the task, and checks the rest.
TrainingConfig resolved(TrainingConfig config, const data::Task& task,
                        const encoder::EncoderConfig& encoder) {
  if (config.batch_size == 0) config.batch_size = task.batch_size;
  if (config.max_seq_length == 0) {
    config.max_seq_length = std::min(task.max_seq_length, encoder.max_length());
  }
  if (config.eval_steps == 0) config.eval_steps = task.eval_steps;
  data::check_max_seq_length(config.max_seq_length, encoder);
  if (!(config.learning_rate > 0.0)) {
    throw base::InvalidArgument(
        base::concat("learning rate: expected more than 0, found ", config.learning_rate));
  }
  if (config.epochs < 1)
    throw base::InvalidArgument(base::concat("epochs: expected at least 1, found ", config.epochs));
  return config;
}

std::filesystem::path training_file(const TrainingConfig& config, const data::Task& task) {
  return config.train_file.empty() ? data::split_file(task, config.data_dir, "train") : config.train_file;
}

std::filesystem::path training_data(const TrainingConfig& config) {
  return config.train_file.empty() ? config.data_dir : config.train_file;
}

/// What a training learns from and what it chooses the best model on.
struct Splits {
  data::Dataset train;
  data::Dataset selection;
};

Splits load_splits(const TrainingConfig& config, const data::Task& task, const text::Tokenizer& tokenizer,
                   const TrainingCallbacks& callbacks) {
  Splits splits{
      .train = data::load_dataset(task, training_file(config, task), tokenizer, config.max_seq_length),
      .selection = {}};
  if (config.hold_out) {
    data::HeldOut parts = data::hold_out(std::move(splits.train));
    splits = {.train = std::move(parts.kept), .selection = std::move(parts.held_out)};
  } else {
    splits.selection = data::load_dataset(task, data::split_file(task, config.data_dir, "dev"), tokenizer,
                                          config.max_seq_length);
  }
  for (const data::Dataset* dataset : {&splits.train, &splits.selection}) {
    for (const std::string& warning : dataset->warnings) {
      if (callbacks.on_message) callbacks.on_message("warning: " + warning);
    }
  }
  return splits;
}

/// The result of a run that has ended in the output directory, when going on was asked for; throws if it is
/// not free or that of the model to read.
std::optional<TrainingResult> result_before(const TrainingConfig& config,
                                            const std::filesystem::path& model_dir,
                                            const TrainingCallbacks& callbacks) {
  const RunDirectory directory(config.output_dir);
  directory.check_free(config.resume, config.overwrite);
  directory.check_apart_from(model_dir);
  std::optional<TrainingResult> result = config.resume ? finished_result(config) : std::nullopt;
  if (result && callbacks.on_message)
    callbacks.on_message(config.output_dir.string() + ": the run has ended before");
  return result;
}

model::ForwardOptions::Dropout dropout_of(const TrainingConfig& config, std::int64_t update) {
  return {.seed = config.seed, .update = static_cast<std::uint64_t>(update)};
}

}  // namespace

TrainingResult run_finetune(const FinetuneConfig& given, const TrainingCallbacks& callbacks) {
  if (const auto result = result_before(given.training, given.model_dir, callbacks)) return *result;
  FinetuneConfig config = given;
  const encoder::EncoderConfig encoder = encoder::read_encoder_config(format::find_config(config.model_dir));
  const data::Task task = data::resolve_task(config.training.task, config.training.custom, encoder,
                                             training_data(config.training));
  config.training = resolved(config.training, task, encoder);
  const text::Tokenizer tokenizer = data::load_tokenizer(config.model_dir, encoder);
  const Splits splits = load_splits(config.training, task, tokenizer, callbacks);
  model::LoadedClassifier loaded = model::load_classifier(
      config.model_dir,
      model::NewHead{.labels = task.labels, .num_labels = task.num_labels(), .seed = config.training.seed});
  for (const std::string& warning : loaded.warnings) {
    if (callbacks.on_message) callbacks.on_message("note: " + warning);
  }
  model::Classifier& classifier = loaded.classifier;
  if (classifier.quantization()) {
    throw base::InvalidArgument(config.model_dir.string() +
                                ": expected an encoder in floating point, found a student");
  }

  const auto losses = [&](const data::Batch& batch, std::int64_t update) {
    const model::Signals signals = classifier.forward(batch, {.dropout = dropout_of(config.training, update),
                                                              .precision = config.training.precision,
                                                              .signals = model::kNoSignals});
    const torch::Tensor loss = distill::ground_truth_loss(signals.logits, batch.labels);
    distill::ObjectiveResult result{.total = loss, .losses = {}};
    result.losses.push_back({.loss = distill::Loss::kGroundTruth, .value = distill::sum_terms({loss})});
    return result;
  };
  return run_training({.command = "finetune",
                       .config = config.training,
                       .effective_config = to_json(config),
                       .task = task,
                       .train = splits.train,
                       .selection = splits.selection,
                       .classifier = classifier,
                       .tokenizer_dir = config.model_dir,
                       .provenance = {.command = "finetune", .config = to_json(config)},
                       .readme = {},
                       .losses = losses},
                      callbacks);
}

TrainingResult run_distill(const DistillConfig& given, const TrainingCallbacks& callbacks) {
  if (const auto result = result_before(given.training, given.teacher_dir, callbacks)) return *result;
  DistillConfig config = given;
  evaluate::TaskModel loaded = evaluate::load_task_model({.model_dir = config.teacher_dir,
                                                          .task = config.training.task,
                                                          .custom = config.training.custom,
                                                          .training_data = training_data(config.training)});
  model::Classifier& teacher = loaded.classifier;
  const data::Task& task = loaded.task;
  if (teacher.quantization()) {
    throw base::InvalidArgument(config.teacher_dir.string() +
                                ": expected a teacher in floating point, found a student");
  }
  distill::check(config.objective, teacher.config().num_hidden_layers);
  config.training = resolved(config.training, task, teacher.config());
  const Splits splits = load_splits(config.training, task, loaded.tokenizer, callbacks);
  model::Classifier student = model::make_student(teacher, config.quantization);
  teacher.freeze(config.training.precision);
  const bool needs_teacher =
      std::any_of(distill::kLosses.begin(), distill::kLosses.end(), [&](distill::Loss loss) {
        return loss != distill::Loss::kGroundTruth && config.objective.weight_of(loss) > 0.0;
      });

  const auto losses = [&](const data::Batch& batch, std::int64_t update) {
    model::ForwardOptions options{.dropout = {},
                                  .precision = config.training.precision,
                                  .signals = distill::needed_signals(config.objective)};
    model::Signals teacher_signals;
    if (needs_teacher) {
      const torch::NoGradGuard no_grad;
      teacher_signals = teacher.forward(batch, options);
    }
    options.dropout = dropout_of(config.training, update);
    const model::Signals student_signals = student.forward(batch, options);
    return distill::compute_objective(
        config.objective,
        {.teacher = teacher_signals, .student = student_signals, .layers = config.objective.layers},
        batch.labels);
  };
  return run_training(
      {.command = "distill",
       .config = config.training,
       .effective_config = to_json(config),
       .task = task,
       .train = splits.train,
       .selection = splits.selection,
       .classifier = student,
       .tokenizer_dir = config.teacher_dir,
       .provenance = {.command = "distill",
                      .config = to_json(config),
                      .teacher =
                          format::TeacherCard{
                              .directory = config.teacher_dir.string(),
                              .scores = format::read_model_card(teacher.config().source).scores}},
       .readme = kStudentReadme,
       .losses = losses},
      callbacks);
}

}  // namespace kdqat::train
