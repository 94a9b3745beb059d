#include <cmath>

#include "kdqat/base/error.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/convert/pack.h"

namespace kdqat::cli {
namespace {

struct PackConfig {
  std::filesystem::path model_dir;
  std::filesystem::path output;
  bool overwrite = false;
};

void run_pack(const PackConfig& config) {
  if (std::filesystem::exists(config.output) && !config.overwrite) {
    throw base::IoError(
        base::concat(config.output.string(), ": expected no such file, or --overwrite, found one"));
  }
  const std::int64_t bytes = convert::pack(config.model_dir, config.output);
  print_message(base::concat("written: ", config.output.string(), " (",
                             std::round(static_cast<double>(bytes) / 1e4) / 100.0,
                             " MB); kdqat-infer runs it"));
}

}  // namespace

void register_pack(CLI::App& app, Action& action) {
  const auto config = std::make_shared<PackConfig>();
  CLI::App* command = app.add_subcommand("pack", "Write a student as one small file that kdqat-infer runs");
  command->add_option("--model", config->model_dir, "Folder of the student")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--output", config->output, "File to write, such as student.packed.safetensors")
      ->required();
  command->add_flag("--overwrite", config->overwrite, "Replace the file if it is there");
  command->callback([config, &action] { action = [config] { run_pack(*config); }; });
}

}  // namespace kdqat::cli
