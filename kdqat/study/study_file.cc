#include "kdqat/study/study_file.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "kdqat/base/error.h"
#include "kdqat/study/matrix.h"
#include "kdqat/train/settings_file.h"

namespace kdqat::study {
namespace {

/// A part of a study's file: "[task.sst-2]" is of the kind "task" and has the name "sst-2".
struct StudySection {
  std::string kind;
  std::string name;  ///< empty where the title has no point
  std::vector<train::Setting> settings;

  std::string title() const { return base::concat('[', kind, name.empty() ? "" : ".", name, ']'); }
};

std::vector<StudySection> read_sections(const std::filesystem::path& file) {
  std::vector<StudySection> sections;
  for (train::SettingsSection& section : train::read_settings(file)) {
    if (section.title.empty()) {
      throw base::FormatError(base::concat(file.string(),
                                           ": expected a section such as [study] first, found '",
                                           section.settings.front().name, "'"));
    }
    const std::size_t point = std::min(section.title.find('.'), section.title.size());
    sections.push_back({.kind = section.title.substr(0, point),
                        .name = section.title.substr(std::min(point + 1, section.title.size())),
                        .settings = std::move(section.settings)});
  }
  return sections;
}

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
  for (const train::Setting& setting : section.settings) set(settings, setting.name, joined(setting.values));
  return settings;
}

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

class StudyReader {
 public:
  StudyReader(const std::filesystem::path& file, const std::filesystem::path& output_dir,
              const SettingsReaders& readers)
      : file_(file), readers_(readers), sections_(read_sections(file)) {
    study_.output_dir = output_dir;
  }

  Study read() {
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
      readers_.study(where(section), settings_of(section), study_);
    } else if (section.kind == "teacher" && !named) {
      readers_.teacher(where(section), settings_of(section), study_.teacher);
    } else if (section.kind == "student" && !named) {
      shared_ = settings_of(section);
      read_student(where(section), shared_);
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
    StudyTask task{.name = section.name, .task = section.name, .data_dir = {}};
    Settings settings = settings_of(section);
    for (auto& [option, value] : settings) value = with_variables(value, where(section) + " " + option);
    if (std::ranges::find(settings, "task", &Settings::value_type::first) == settings.end())
      settings.emplace_back("task", section.name);
    readers_.task(where(section), settings, task);
    study_.tasks.push_back(std::move(task));
  }

  train::DistillConfig read_student(const std::string& where, const Settings& settings) const {
    train::DistillConfig config;
    readers_.student(where, settings, config);
    return config;
  }

  /// Those of the matrix, then those that have a section of their own, each with what all students share.
  void add_variants() {
    for (const StudySection& section : sections_) {
      if (section.kind != "matrix") continue;
      std::vector<MatrixAxis> axes;
      for (const train::Setting& setting : section.settings)
        axes.push_back({.option = setting.name, .values = setting.values});
      for (const MatrixPoint& point : expand_matrix(axes))
        add_variant(point.name, point.settings, base::concat(where(section), ' ', point.name));
    }
    for (const StudySection& section : sections_) {
      if (section.kind == "variant") add_variant(section.name, settings_of(section), where(section));
    }
  }

  void add_variant(const std::string& name, const Settings& own, const std::string& where) {
    Settings settings = shared_;
    for (const auto& [option, value] : own) set(settings, option, value);
    study_.variants.push_back({.name = name, .settings = own, .config = read_student(where, settings)});
  }

  std::filesystem::path file_;
  const SettingsReaders& readers_;
  std::vector<StudySection> sections_;
  Settings shared_;  ///< of every student
  Study study_;
};

}  // namespace

Study read_study(const std::filesystem::path& file, const std::filesystem::path& output_dir,
                 const SettingsReaders& readers) {
  Study study = StudyReader(file, output_dir, readers).read();
  try {
    check(study);
  } catch (const base::InvalidArgument& error) {
    throw base::FormatError(base::concat(file.string(), ": ", error.what()));
  }
  return study;
}

}  // namespace kdqat::study
