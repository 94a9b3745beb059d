// The program kdqat: reads the command line, runs the chosen command, turns errors into messages and exit
// codes.

#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <new>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"
#include "kdqat/base/version.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/config_file.h"
#include "kdqat/cli/console.h"

namespace kdqat::cli {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kInterrupted = 130;

/// Messages of libtorch go on with a trace of its own code.
std::string first_line(const std::string& message) { return message.substr(0, message.find('\n')); }

int run(const Action& action) {
  try {
    action();
    if (!std::cout.flush()) throw base::IoError("standard output: can't write");
    return 0;
  } catch (const base::Interrupted& error) {
    print_message(error.what());
    return kInterrupted;
  } catch (const base::Error& error) {
    print_message(base::concat("error: ", error.what()));
  } catch (const std::bad_alloc&) {
    print_message("error: out of memory: a smaller --batch-size or --max-seq-length needs less");
  } catch (const std::exception& error) {
    print_message(base::concat("error: ", first_line(error.what())));
  }
  return kFailed;
}

void set_up(CLI::App& app, Action& action) {
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", base::kVersion);
  register_finetune(app, action);
  register_distill(app, action);
  register_study(app, action);
  register_evaluate(app, action);
  register_predict(app, action);
  register_info(app, action);
  register_export(app, action);
  register_pack(app, action);
  register_verify(app, action);
  register_losses(app, action);
  register_analyze(app, action);
  register_tokenize(app, action);
  register_bench(app, action);
  add_config_file(app);
}

int parse_and_run(int argc, char** argv) {
  base::set_num_threads(base::available_processors());
  at::set_num_threads(base::available_processors());
  CLI::App app("From a pre-trained encoder and a labelled task to a student of few bits.", "kdqat");
  Action action;
  set_up(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ConfigError& error) {
    print_message(base::concat("--config: ", app.get_config_ptr()->as<std::string>(), ": ", error.what()));
    return kUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  return run(action);
}

}  // namespace
}  // namespace kdqat::cli

int main(int argc, char** argv) {
  try {
    return kdqat::cli::parse_and_run(argc, argv);
  } catch (...) {
    // Nothing is left to be told in detail: not even the command line could be set up.
    return 1;
  }
}
