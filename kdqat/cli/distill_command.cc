#include "kdqat/analysis/ranking_record.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/options.h"
#include "kdqat/cli/training_command.h"
#include "kdqat/train/commands.h"

namespace kdqat::cli {
namespace {

void add_ranking_record(CLI::App& command, analysis::RankingRecordConfig& config) {
  const std::string group = "Records";
  CLI::Option* tokens =
      command
          .add_option("--record-ranking", config.tokens,
                      "Tokens, with commas, whose ranks kdqat analyze ranking shows by step")
          ->group(group);
  separate_by_commas(tokens);
  command.add_option("--ranking-steps", config.steps, "Updates from one record of ranks to the next")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->needs(tokens)
      ->group(group);
}

train::TrainingObserver observer_of(const analysis::RankingRecordConfig& ranking,
                                    const train::DistillConfig& config) {
  if (ranking.tokens.empty()) return {};
  return {.steps = ranking.steps,
          .record = analysis::ranking_recorder(ranking, config.teacher_dir, config.training.precision)};
}

}  // namespace

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
  const auto ranking = std::make_shared<analysis::RankingRecordConfig>();
  add_ranking_record(*command, *ranking);
  command->callback([config, ranking, &action] {
    action = [config, ranking] {
      const train::TrainingObserver observer = observer_of(*ranking, *config);
      run_with_display("distill", config->training, [&](train::TrainingCallbacks callbacks) {
        callbacks.observer = observer;
        return train::run_distill(*config, callbacks);
      });
    };
  });
}

}  // namespace kdqat::cli
