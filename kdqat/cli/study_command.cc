#include <chrono>
#include <iostream>
#include <thread>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/base/file_lock.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/cli/options.h"
#include "kdqat/cli/study_settings.h"
#include "kdqat/cli/training_command.h"
#include "kdqat/report/study_report.h"
#include "kdqat/report/study_table.h"
#include "kdqat/study/record.h"
#include "kdqat/study/results.h"
#include "kdqat/study/runner.h"
#include "kdqat/study/study_file.h"

namespace kdqat::cli {
namespace {

struct StudyConfig {
  std::filesystem::path file;
  std::filesystem::path output_dir;
  bool dry_run = false;
  bool only_table = false;
  bool json = false;
};

const char* name_of(study::RunState state) {
  switch (state) {
    case study::RunState::kNew:
      return "new";
    case study::RunState::kBegun:
      return "begun";
    case study::RunState::kDone:
      return "done";
  }
  return "";
}

void list_runs(const study::Study& study, bool json) {
  nlohmann::json list = nlohmann::json::array();
  for (const study::StudyRun& run : study::runs_of(study)) {
    const char* state = name_of(study::state_of(study, run));
    list.push_back({{"name", run.name}, {"state", state}});
    if (!json) std::cout << state << '\t' << run.name << '\n';
  }
  if (json) print_json(list);
}

/// The lock under which one process at a time writes the results of a folder.
base::FileLock lock_results(const std::filesystem::path& output_dir) {
  for (;;) {
    if (std::optional<base::FileLock> lock = base::FileLock::try_acquire(output_dir / "results.lock"))
      return *std::move(lock);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

void show_results(const study::Study& study, const StudyConfig& config) {
  const nlohmann::json results = study::study_results(study);
  base::create_folder(config.output_dir);
  {
    const base::FileLock lock = lock_results(config.output_dir);
    base::write_file_atomically(config.output_dir / "results.json", results.dump(2) + "\n");
    base::write_file_atomically(config.output_dir / "results.csv", report::study_csv(results));
    report::write_study_report(base::concat("kdqat study: ", config.file.stem().string()), results,
                               config.output_dir / "results.html");
  }
  print_message(
      base::concat("written: ", config.output_dir.string(), " (results.json, results.csv, results.html)"));
  if (config.json) {
    print_json(results);
  } else {
    std::cout << report::study_text(results);
  }
}

void run_study(const StudyConfig& config) {
  const study::Study study = study::read_study(config.file, config.output_dir, settings_readers());
  if (config.dry_run) {
    list_runs(study, config.json);
    return;
  }
  if (!config.only_table) {
    catch_interrupts();
    try {
      study::run_study(
          study, {.train = run_with_display, .on_message = print_message, .stop_requested = interrupted});
    } catch (const base::NumericError&) {
      show_results(study, config);
      throw;
    }
  }
  show_results(study, config);
}

}  // namespace

void register_study(CLI::App& app, Action& action) {
  const auto config = std::make_shared<StudyConfig>();
  CLI::App* command =
      app.add_subcommand("study", "Train a matrix of students from one file, and compare them in a table");
  command->add_option("FILE", config->file, "The study: tasks, settings and what varies (docs/studies.md)")
      ->required()
      ->check(CLI::ExistingFile);
  command
      ->add_option("--output", config->output_dir,
                   "Folder of the runs and results; several processes may share it")
      ->required();
  CLI::Option* dry_run =
      command->add_flag("--dry-run", config->dry_run, "List the runs and which of them are done");
  command
      ->add_flag("--only-table", config->only_table, "Train nothing: the results of the runs that are done")
      ->excludes(dry_run);
  command->add_flag("--json", config->json, "One JSON document on standard output");
  add_threads(*command);
  command->callback([config, &action] { action = [config] { run_study(*config); }; });
}

}  // namespace kdqat::cli
