#include "kdqat/cli/training_command.h"

#include <filesystem>

#include "kdqat/cli/console.h"
#include "kdqat/cli/settings_file.h"
#include "kdqat/report/run_report.h"

namespace kdqat::cli {
namespace {

void write_records(const std::filesystem::path& directory) {
  report::write_run_report(directory / "metrics.jsonl", directory / "report.html");
  write_settings(directory / "metrics.jsonl", directory / "run.toml");
}

}  // namespace

void run_with_display(const std::string& title, const train::TrainingConfig& config,
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
    const train::TrainingResult result = run(callbacks);
    write_records(config.output_dir);
    console.finish(result, config.output_dir.string());
  } catch (...) {
    if (started) write_records(config.output_dir);
    throw;
  }
}

}  // namespace kdqat::cli
