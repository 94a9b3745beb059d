#pragma once

#include <CLI/CLI.hpp>

namespace kdqat::cli {

/// Adds --config: a file of settings (train/settings_file.h) whose sections are subcommands and whose names
/// are their options. The command line goes before it. `app` has all its subcommands and outlives the option.
void add_config_file(CLI::App& app);

}  // namespace kdqat::cli
