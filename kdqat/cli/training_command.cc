#include "kdqat/cli/training_command.h"

#include <filesystem>

#include "kdqat/base/error.h"
#include "kdqat/cli/console.h"
#include "kdqat/report/run_report.h"
#include "kdqat/train/settings_file.h"

namespace kdqat::cli {
namespace {

void write_records(const std::filesystem::path& directory) {
  report::write_run_report(directory / "metrics.jsonl", directory / "report.html");
  train::write_settings(directory / "metrics.jsonl", directory / "run.toml");
}

/// After a run has failed: what goes wrong here, such as the same full disk, is not what the run failed of.
void try_to_write_records(const std::filesystem::path& directory) {
  try {
    write_records(directory);
  } catch (const base::Error& error) {
    print_message(base::concat("warning: ", error.what()));
  }
}

}  // namespace

train::TrainingResult run_with_display(
    const std::string& title, const train::TrainingConfig& config,
    const std::function<train::TrainingResult(const train::TrainingCallbacks&)>& run) {
  catch_interrupts();
  TrainingConsole console(title);
  bool started = false;
  train::TrainingCallbacks callbacks = console.callbacks();
  const auto on_step = callbacks.on_step;
  callbacks.on_step = [&](const train::TrainingCallbacks::Step& step) {
    started = true;
    on_step(step);
  };
  try {
    train::TrainingResult result = run(callbacks);
    // A run that had ended before has its records, unless it was killed while it wrote them.
    if (started || !std::filesystem::exists(config.output_dir / "run.toml")) write_records(config.output_dir);
    console.finish(result, config.output_dir.string());
    return result;
  } catch (...) {
    if (started) try_to_write_records(config.output_dir);
    throw;
  }
}

}  // namespace kdqat::cli
