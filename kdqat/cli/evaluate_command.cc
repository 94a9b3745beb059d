#include <iostream>

#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/cli/options.h"
#include "kdqat/data/model_task.h"
#include "kdqat/evaluate/model_settings.h"
#include "kdqat/model/pretrained.h"

namespace kdqat::cli {
namespace {

struct EvaluateConfig {
  std::filesystem::path model_dir;
  std::string task;
  std::filesystem::path data_dir;
  std::optional<data::CustomTaskOptions> custom;
  std::string split = "dev";
  std::int64_t max_seq_length = 0;
  bool json = false;
};

void run_evaluate(const EvaluateConfig& config) {
  const model::Classifier classifier = model::load_classifier(config.model_dir).classifier;
  const data::Task task =
      data::resolve_task(config.task, config.custom, classifier.config(), config.data_dir);
  data::check_labels(classifier.config(), task, config.model_dir);
  const evaluate::ModelSettings settings = evaluate::model_settings(classifier.config());
  const std::int64_t max_seq_length = config.max_seq_length > 0
                                          ? config.max_seq_length
                                          : evaluate::evaluation_length(classifier.config(), task);
  data::check_max_seq_length(max_seq_length, classifier.config());
  const text::Tokenizer tokenizer = data::load_tokenizer(config.model_dir, classifier.config());
  const data::Dataset dataset = data::load_dataset(
      task, data::split_file(task, config.data_dir, config.split), tokenizer, max_seq_length);
  for (const std::string& warning : dataset.warnings) print_message("warning: " + warning);

  WorkDisplay display("evaluate", dataset.size());
  const evaluate::Evaluation evaluation = evaluate::evaluate(
      classifier, task, dataset, settings.precision, [&](std::int64_t done) { display.update(done); });
  display.finish();
  if (config.json) {
    print_json({{"task", task.name},
                {"split", config.split},
                {"examples", evaluation.examples},
                {"metric", evaluation.metric},
                {"score", evaluation.score},
                {"metrics", evaluation.metrics}});
    return;
  }
  std::cout << task.name << ", " << config.split << ", " << evaluation.examples << " examples\n";
  for (const auto& [name, value] : evaluation.metrics) {
    std::cout << "  " << name << ": " << value << (name == evaluation.metric ? "  (score)" : "") << '\n';
  }
}

}  // namespace

void register_evaluate(CLI::App& app, Action& action) {
  const auto config = std::make_shared<EvaluateConfig>();
  CLI::App* command = app.add_subcommand("evaluate", "Score a model on a split of a task");
  command->add_option("--model", config->model_dir, "Folder of the model: a teacher or a student")
      ->required()
      ->check(CLI::ExistingDirectory);
  add_task(*command, config->task, config->data_dir, config->custom);
  command->add_option("--split", config->split, "Split: train, dev, test; mnli also dev_mismatched")
      ->capture_default_str();
  command
      ->add_option("--max-seq-length", config->max_seq_length,
                   "Tokens at which a sentence or pair is cut [as the model was trained, else the task's]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20));
  command->add_flag("--json", config->json, "One JSON document on standard output");
  add_threads(*command);
  command->callback([config, &action] { action = [config] { run_evaluate(*config); }; });
}

}  // namespace kdqat::cli
