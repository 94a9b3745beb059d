#include "kdqat/cli/command.h"
#include "kdqat/cli/options.h"
#include "kdqat/cli/training_command.h"
#include "kdqat/train/commands.h"

namespace kdqat::cli {

void register_finetune(CLI::App& app, Action& action) {
  const auto config = std::make_shared<train::FinetuneConfig>();
  CLI::App* command =
      app.add_subcommand("finetune", "Fine-tune a pre-trained encoder on a task: the teacher");
  command->add_option("--model", config->model_dir, "Folder of the pre-trained encoder (Hugging Face form)")
      ->required()
      ->check(CLI::ExistingDirectory);
  add_training(*command, config->training);
  command->callback([config, &action] {
    action = [config] {
      run_with_display("finetune", config->training, [&](const train::TrainingCallbacks& callbacks) {
        return train::run_finetune(*config, callbacks);
      });
    };
  });
}

}  // namespace kdqat::cli
