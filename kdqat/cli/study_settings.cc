#include "kdqat/cli/study_settings.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "kdqat/base/error.h"
#include "kdqat/base/message.h"
#include "kdqat/cli/options.h"

namespace kdqat::cli {
namespace {

/// A command line of options alone; `where` opens the messages about it.
class SectionOptions {
 public:
  explicit SectionOptions(std::string where) : where_(std::move(where)) { app_.set_help_flag(); }

  CLI::App& app() { return app_; }

  void check_name(const std::string& option) const {
    if (app_.get_option_no_throw("--" + option) != nullptr) return;
    std::vector<std::string> names;
    for (const CLI::Option* known : app_.get_options()) names.push_back(known->get_single_name());
    throw base::FormatError(
        base::concat(where_, ": expected one of the settings ", base::list(names), ", found '", option, "'"));
  }

  void parse(const study::Settings& settings) {
    std::vector<std::string> arguments;
    for (const auto& [option, value] : settings) {
      check_name(option);
      arguments.push_back(base::concat("--", option, '=', value));
    }
    std::ranges::reverse(arguments);  // CLI11 takes the last one first
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
      throw base::FormatError(base::concat(where_, ": ", error.what()));
    }
  }

 private:
  std::string where_;
  CLI::App app_;
};

void read_study_settings(const std::string& where, const study::Settings& settings, study::Study& study) {
  SectionOptions options(where);
  options.app().add_option("--baseline", study.baseline);
  options.app().add_option("--seeds", study.seeds)->delimiter(',');
  options.parse(settings);
}

void read_teacher_settings(const std::string& where, const study::Settings& settings,
                           train::TrainingConfig& config) {
  SectionOptions options(where);
  add_training_settings(options.app(), config);
  options.parse(settings);
}

void read_student_settings(const std::string& where, const study::Settings& settings,
                           train::DistillConfig& config) {
  SectionOptions options(where);
  add_training_settings(options.app(), config.training);
  add_objective(options.app(), config.objective);
  add_quantization(options.app(), config.quantization);
  options.parse(settings);
}

void read_task_settings(const std::string& where, const study::Settings& settings, study::StudyTask& task) {
  SectionOptions options(where);
  add_task(options.app(), task.task, task.data_dir, task.custom);
  options.app().add_option("--model", task.model_dir)->check(CLI::ExistingDirectory);
  options.app().add_option("--teacher", task.teacher_dir)->check(CLI::ExistingDirectory);
  options.parse(settings);
}

}  // namespace

study::SettingsReaders settings_readers() {
  return {.study = read_study_settings,
          .teacher = read_teacher_settings,
          .student = read_student_settings,
          .task = read_task_settings};
}

}  // namespace kdqat::cli
