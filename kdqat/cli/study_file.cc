#include "kdqat/cli/study_file.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"

namespace kdqat::cli {
namespace {

StudySection section_of(const std::string& title) {
  const std::size_t point = std::min(title.find('.'), title.size());
  return {.kind = title.substr(0, point), .name = title.substr(std::min(point + 1, title.size()))};
}

/// CLI11 marks where a section opens and closes by items of these names.
constexpr const char* kSectionOpens = "++";
constexpr const char* kSectionCloses = "--";

}  // namespace

std::string StudySection::title() const {
  return base::concat('[', kind, name.empty() ? "" : ".", name, ']');
}

std::vector<StudySection> read_study_file(const std::filesystem::path& file) {
  std::istringstream text(base::read_file(file));
  CLI::ConfigTOML form;
  form.parentSeparator('\n');  // a title stays whole: names of tasks may have points
  std::vector<StudySection> sections;
  const auto fail_twice = [&](const std::string& what) {
    throw base::FormatError(base::concat(file.string(), ": expected ", what, " once, found it twice"));
  };
  for (const CLI::ConfigItem& item : form.from_config(text)) {
    if (item.name == kSectionCloses) continue;
    if (item.parents.empty()) {
      throw base::FormatError(
          base::concat(file.string(), ": expected a section such as [study] first, found '", item.name, "'"));
    }
    if (item.name == kSectionOpens) {
      StudySection opened = section_of(item.parents.front());
      for (const StudySection& section : sections) {
        if (section.title() == opened.title()) fail_twice(opened.title());
      }
      sections.push_back(std::move(opened));
      continue;
    }
    StudySection& section = sections.back();
    for (const StudySetting& setting : section.settings) {
      if (setting.key == item.name) fail_twice(section.title() + " " + item.name);
    }
    section.settings.push_back({.key = item.name, .values = item.inputs});
  }
  return sections;
}

}  // namespace kdqat::cli
