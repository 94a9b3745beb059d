#include <cmath>
#include <iostream>

#include "kdqat/base/error.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/cli/options.h"
#include "kdqat/data/batch_file.h"
#include "kdqat/distill/objective.h"
#include "kdqat/model/pretrained.h"
#include "kdqat/model/same_architecture.h"

namespace kdqat::cli {
namespace {

struct LossesConfig {
  std::filesystem::path teacher_dir;
  std::filesystem::path student_dir;
  std::filesystem::path batch_file;
  format::QuantizationConfig quantization;
  quant::Precision precision = quant::Precision::kFp32;
  double temperature = 1.0;
  bool json = false;
};

nlohmann::json compute_losses(const LossesConfig& config) {
  const torch::NoGradGuard no_grad;
  const model::Classifier teacher = model::load_classifier(config.teacher_dir).classifier;
  model::Classifier latent = model::load_classifier(config.student_dir).classifier;
  model::check_same_architecture(teacher.config(), latent.config(), "student");
  const model::Classifier student = model::make_student(latent, config.quantization);
  const data::Batch batch = data::read_batch_file(config.batch_file, data::batch_limits(student.config()));
  data::check_has_labels(batch, config.batch_file);

  const model::ForwardOptions options{.dropout = {}, .precision = config.precision};
  const model::Signals teacher_signals = teacher.forward(batch, options);
  const model::Signals student_signals = student.forward(batch, options);
  const distill::LayerSelection layers;
  const distill::LossInputs inputs{.teacher = teacher_signals, .student = student_signals, .layers = layers};
  nlohmann::json losses;
  for (const distill::Loss loss : distill::kLosses) {
    const double value =
        distill::compute_loss(loss, inputs, batch.labels, config.temperature).total.item<double>();
    if (!std::isfinite(value)) {
      throw base::NumericError(
          base::concat(distill::name_of(loss), ": expected a finite loss, found ", value));
    }
    losses[std::string(distill::name_of(loss))] = value;
    if (loss == distill::Loss::kGroundTruth) {
      losses["ground_truth_sum"] = value * static_cast<double>(batch.sentences());
    }
  }
  return {{"losses", losses}};
}

void run_losses(const LossesConfig& config) {
  const nlohmann::json result = compute_losses(config);
  if (config.json) {
    print_json(result);
    return;
  }
  for (const auto& [name, value] : result.at("losses").items()) std::cout << name << ": " << value << '\n';
}

}  // namespace

void register_losses(CLI::App& app, Action& action) {
  const auto config = std::make_shared<LossesConfig>();
  CLI::App* command =
      app.add_subcommand("losses", "Every loss between a teacher and a student on one tokenized batch");
  command->add_option("--teacher", config->teacher_dir, "Folder of the teacher")
      ->required()
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--student", config->student_dir,
                   "Folder of the student; its latent weights are quantized as asked here")
      ->required()
      ->check(CLI::ExistingDirectory);
  add_batch(*command, config->batch_file)->required();
  command
      ->add_option("--temperature", config->temperature,
                   "Temperature of the attention map's softmax; inf for the limit")
      ->capture_default_str();
  command->add_flag("--json", config->json, "One JSON document on standard output");
  add_quantization(*command, config->quantization);
  add_precision(*command, config->precision);
  add_threads(*command);
  command->callback([config, &action] { action = [config] { run_losses(*config); }; });
}

}  // namespace kdqat::cli
