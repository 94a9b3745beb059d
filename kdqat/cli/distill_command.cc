#include "kdqat/cli/command.h"
#include "kdqat/cli/options.h"
#include "kdqat/cli/training_command.h"
#include "kdqat/train/commands.h"

namespace kdqat::cli {

void register_distill(CLI::App& app, Action& action) {
  const auto config = std::make_shared<train::DistillConfig>();
  CLI::App* command = app.add_subcommand(
      "distill", "Distil a fine-tuned teacher into a student of few bits, quantization-aware");
  command->add_option("--teacher", config->teacher_dir, "Folder of the fine-tuned teacher")
      ->required()
      ->check(CLI::ExistingDirectory);
  add_training(*command, config->training);
  add_objective(*command, config->objective);
  add_quantization(*command, config->quantization);
  command->callback([config, &action] {
    action = [config] {
      run_with_display("distill", config->training, [&](const train::TrainingCallbacks& callbacks) {
        return train::run_distill(*config, callbacks);
      });
    };
  });
}

}  // namespace kdqat::cli
