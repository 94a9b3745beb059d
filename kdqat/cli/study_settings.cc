#include "kdqat/cli/study_settings.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "kdqat/base/error.h"
#include "kdqat/base/message.h"
#include "kdqat/cli/options.h"
#include "kdqat/cli/study_file.h"
#include "kdqat/study/matrix.h"

namespace kdqat::cli {
namespace {

/// Options and values; a later one replaces an earlier one of its name.
using Settings = std::vector<std::pair<std::string, std::string>>;

void set(Settings& settings, const std::string& option, const std::string& value) {
  const auto found = std::ranges::find(settings, option, &Settings::value_type::first);
  if (found == settings.end()) {
    settings.emplace_back(option, value);
  } else {
    found->second = value;
  }
}

/// Values of a list are joined as a command line has them.
std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ",") + value;
  return text;
}

Settings settings_of(const StudySection& section) {
  Settings settings;
  for (const StudySetting& setting : section.settings) set(settings, setting.key, joined(setting.values));
  return settings;
}

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

  void parse(const Settings& settings) {
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

/// The text with each "$NAME" replaced by the environment's variable of that name.
std::string with_variables(const std::string& text, const std::string& where) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '$') {
      result += text[at++];
      continue;
    }
    const auto is_of_name = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    };
    const auto end =
        std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at) + 1, text.end(), is_of_name);
    const std::string name(text.begin() + static_cast<std::ptrdiff_t>(at) + 1, end);
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
      throw base::FormatError(base::concat(where, ": expected the environment's variable ", name,
                                           " to be set, found none in '", text, "'"));
    }
    result += value;
    at += 1 + name.size();
  }
  return result;
}

train::DistillConfig parse_student(const std::string& where, const Settings& settings) {
  train::DistillConfig config;
  SectionOptions options(where);
  add_training_settings(options.app(), config.training);
  add_objective(options.app(), config.objective);
  add_quantization(options.app(), config.quantization);
  options.parse(settings);
  return config;
}

class StudyReader {
 public:
  StudyReader(const std::filesystem::path& file, const std::filesystem::path& output_dir)
      : file_(file), sections_(read_study_file(file)) {
    study_.output_dir = output_dir;
  }

  study::Study read() {
    for (const StudySection& section : sections_) read_section(section);
    add_variants();
    return std::move(study_);
  }

 private:
  std::string where(const StudySection& section) const {
    return base::concat(file_.string(), ": ", section.title());
  }

  void read_section(const StudySection& section) {
    const bool named = !section.name.empty();
    if (section.kind == "study" && !named) {
      SectionOptions options(where(section));
      options.app().add_option("--baseline", study_.baseline);
      options.app().add_option("--seeds", study_.seeds)->delimiter(',');
      options.parse(settings_of(section));
    } else if (section.kind == "teacher" && !named) {
      SectionOptions options(where(section));
      add_training_settings(options.app(), study_.teacher);
      options.parse(settings_of(section));
    } else if (section.kind == "student" && !named) {
      shared_ = settings_of(section);
      parse_student(where(section), shared_);
    } else if (section.kind == "task" && named) {
      read_task(section);
    } else if (!(section.kind == "matrix" && !named) && !(section.kind == "variant" && named)) {
      throw base::FormatError(base::concat(file_.string(),
                                           ": expected sections [study], [task.NAME], [teacher], [student], "
                                           "[matrix] and [variant.NAME], found ",
                                           section.title()));
    }
  }

  void read_task(const StudySection& section) {
    study::StudyTask task{.name = section.name, .task = section.name, .data_dir = {}};
    SectionOptions options(where(section));
    add_task(options.app(), task.task, task.data_dir, task.custom);
    options.app().add_option("--model", task.model_dir)->check(CLI::ExistingDirectory);
    options.app().add_option("--teacher", task.teacher_dir)->check(CLI::ExistingDirectory);
    Settings settings = settings_of(section);
    for (auto& [option, value] : settings) value = with_variables(value, where(section) + " " + option);
    if (std::ranges::find(settings, "task", &Settings::value_type::first) == settings.end())
      settings.emplace_back("task", section.name);
    options.parse(settings);
    study_.tasks.push_back(std::move(task));
  }

  /// Those of the matrix, then those that have a section of their own, each with what all students share.
  void add_variants() {
    for (const StudySection& section : sections_) {
      if (section.kind != "matrix") continue;
      std::vector<study::MatrixAxis> axes;
      for (const StudySetting& setting : section.settings)
        axes.push_back({.option = setting.key, .values = setting.values});
      for (const study::MatrixPoint& point : study::expand_matrix(axes))
        add_variant(point.name, point.settings, base::concat(where(section), ' ', point.name));
    }
    for (const StudySection& section : sections_) {
      if (section.kind == "variant") add_variant(section.name, settings_of(section), where(section));
    }
  }

  void add_variant(const std::string& name, const Settings& own, const std::string& where) {
    Settings settings = shared_;
    for (const auto& [option, value] : own) set(settings, option, value);
    study_.variants.push_back({.name = name, .settings = own, .config = parse_student(where, settings)});
  }

  std::filesystem::path file_;
  std::vector<StudySection> sections_;
  Settings shared_;  ///< of every student
  study::Study study_;
};

}  // namespace

study::Study read_study(const std::filesystem::path& file, const std::filesystem::path& output_dir) {
  study::Study study = StudyReader(file, output_dir).read();
  try {
    study::check(study);
  } catch (const base::InvalidArgument& error) {
    throw base::FormatError(base::concat(file.string(), ": ", error.what()));
  }
  return study;
}

}  // namespace kdqat::cli
