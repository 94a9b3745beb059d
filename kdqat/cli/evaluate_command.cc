#include <iostream>

#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/cli/options.h"
#include "kdqat/evaluate/evaluation.h"
#include "kdqat/evaluate/task_model.h"

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
  const evaluate::TaskModel model = evaluate::load_task_model({.model_dir = config.model_dir,
                                                               .task = config.task,
                                                               .custom = config.custom,
                                                               .training_data = config.data_dir});
  const data::Dataset dataset =
      evaluate::load_split(model, config.data_dir, config.split, config.max_seq_length);
  for (const std::string& warning : dataset.warnings) print_message("warning: " + warning);

  WorkDisplay display("evaluate", dataset.size());
  const evaluate::Evaluation evaluation =
      evaluate::evaluate(model.classifier, model.task, dataset, model.settings.precision,
                         [&](std::int64_t done) { display.update(done); });
  display.finish();
  if (config.json) {
    print_json({{"task", model.task.name},
                {"split", config.split},
                {"examples", evaluation.examples},
                {"metric", evaluation.metric},
                {"score", evaluation.score},
                {"metrics", evaluation.metrics}});
    return;
  }
  std::cout << model.task.name << ", " << config.split << ", " << evaluation.examples << " examples\n";
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
