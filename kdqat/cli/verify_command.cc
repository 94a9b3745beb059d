#include <iostream>

#include "kdqat/base/error.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/cli/options.h"
#include "kdqat/convert/verify.h"
#include "kdqat/evaluate/task_model.h"
#include "kdqat/simd/instruction_set.h"

namespace kdqat::cli {
namespace {

struct VerifyConfig {
  std::filesystem::path model_dir;
  std::filesystem::path packed;
  std::string task;
  std::filesystem::path data_dir;
  std::optional<data::CustomTaskOptions> custom;
  std::string split = "dev";
  convert::VerifyLimits limits;
  bool json = false;
};

void print_report(const nlohmann::json& report) {
  const nlohmann::json& codes = report.at("codes");
  std::cout << report.at("examples") << " examples; tensors: " << codes.at("tensors")
            << ", different: " << codes.at("different").size() << '\n';
  for (const nlohmann::json& name : codes.at("different"))
    std::cout << "  " << name.get<std::string>() << '\n';
  std::cout << "training     " << report.at("training").at("score") << '\n';
  for (const auto& [set, path] : report.at("runtime").items()) {
    std::cout << set << std::string(set.size() < 13 ? 13 - set.size() : 1, ' ') << path.at("score")
              << "  largest difference of a logit " << path.at("largest_logit_difference")
              << ", other labels " << path.at("different_labels") << ", McNemar p " << path.at("mcnemar_p")
              << '\n';
  }
}

void run_verify(const VerifyConfig& config) {
  evaluate::TaskModel model = evaluate::load_task_model({.model_dir = config.model_dir,
                                                         .task = config.task,
                                                         .custom = config.custom,
                                                         .training_data = config.data_dir});
  if (!model.classifier.quantization()) {
    throw base::InvalidArgument(
        base::concat(config.model_dir.string(), ": expected a student, found a model in floating point"));
  }
  const data::Dataset dataset = evaluate::load_split(model, config.data_dir, config.split);
  for (const std::string& warning : dataset.warnings) print_message("warning: " + warning);
  WorkDisplay display("verify", 1 + static_cast<std::int64_t>(simd::available_instruction_sets().size()));
  const nlohmann::json report = convert::verify({.student = model.classifier,
                                                 .packed = config.packed,
                                                 .task = model.task,
                                                 .dataset = dataset,
                                                 .precision = model.settings.precision,
                                                 .limits = config.limits},
                                                [&](std::int64_t done) { display.update(done); });
  display.finish();
  if (config.json) {
    print_json(report, 2);
  } else {
    print_report(report);
  }
  if (!report.at("passed").get<bool>()) {
    throw base::NumericError(base::concat(
        config.packed.string(), ": expected the student's tensors, logits that differ by at most ",
        config.limits.logit_difference, " and at most ", config.limits.label_differences,
        " other labels; the report tells what was found"));
  }
}

}  // namespace

void register_verify(CLI::App& app, Action& action) {
  const auto config = std::make_shared<VerifyConfig>();
  CLI::App* command = app.add_subcommand(
      "verify", "Hold a packed model to its student: codes, logits and labels, by every instruction set");
  command->add_option("--model", config->model_dir, "Folder of the student")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--packed", config->packed, "File that kdqat pack wrote")
      ->required()
      ->check(CLI::ExistingFile);
  add_task(*command, config->task, config->data_dir, config->custom);
  command->add_option("--split", config->split, "Split: train, dev, test")->capture_default_str();
  command
      ->add_option("--max-logit-difference", config->limits.logit_difference, "Largest difference of a logit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--max-label-differences", config->limits.label_differences, "Examples with another label")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--json", config->json, "One JSON document on standard output");
  add_threads(*command);
  command->callback([config, &action] { action = [config] { run_verify(*config); }; });
}

}  // namespace kdqat::cli
