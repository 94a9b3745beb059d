#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace kdqat::cli {

/// What the chosen subcommand does once the command line has been read. Parsing only selects: a run that
/// fails exits with 1 and is never reported as a usage error, which exits with 2.
using Action = std::function<void()>;

void register_analyze(CLI::App& app, Action& action);
void register_bench(CLI::App& app, Action& action);
void register_finetune(CLI::App& app, Action& action);
void register_distill(CLI::App& app, Action& action);
void register_study(CLI::App& app, Action& action);
void register_evaluate(CLI::App& app, Action& action);
void register_predict(CLI::App& app, Action& action);
void register_info(CLI::App& app, Action& action);
void register_export(CLI::App& app, Action& action);
void register_pack(CLI::App& app, Action& action);
void register_verify(CLI::App& app, Action& action);
void register_losses(CLI::App& app, Action& action);
void register_tokenize(CLI::App& app, Action& action);

}  // namespace kdqat::cli
