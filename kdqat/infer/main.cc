// The program kdqat-infer: runs packed models, without libtorch.

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <new>

#include "kdqat/base/error.h"
#include "kdqat/base/version.h"
#include "kdqat/infer/command.h"

namespace kdqat::infer {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int run(const Action& action) {
  try {
    action();
    return 0;
  } catch (const std::bad_alloc&) {
    std::cerr << "error: out of memory\n";
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
  }
  return kFailed;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("Runs packed students of kdqat.", "kdqat-infer");
  Action action;
  app.require_subcommand(1);
  app.set_version_flag("--version", base::kVersion);
  register_classify(app, action);
  register_embed(app, action);
  register_bench(app, action);
  register_serve(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  return run(action);
}

}  // namespace
}  // namespace kdqat::infer

int main(int argc, char** argv) {
  try {
    return kdqat::infer::parse_and_run(argc, argv);
  } catch (...) {
    return 1;  // not even the command line could be set up
  }
}
