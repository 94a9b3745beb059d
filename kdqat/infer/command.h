#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "kdqat/runtime/engine.h"

// The subcommands of kdqat-infer:
//
//   Action action;
//   register_classify(app, action);
//   app.parse(argc, argv);
//   action();

namespace kdqat::infer {

/// The work of the chosen subcommand. main runs it after the command line is parsed.
using Action = std::function<void()>;

/// Options of every subcommand: which model, and how it runs.
struct ModelOptions {
  std::filesystem::path model;
  runtime::EngineOptions engine;
};

void add_model_options(CLI::App& command, ModelOptions& options);
void add_engine_options(CLI::App& command, runtime::EngineOptions& options);

void register_bench(CLI::App& app, Action& action);
void register_classify(CLI::App& app, Action& action);
void register_embed(CLI::App& app, Action& action);
void register_serve(CLI::App& app, Action& action);

}  // namespace kdqat::infer
