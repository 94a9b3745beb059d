#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace kdqat::cli {

/// One line "key = value" or "key = [value, ...]" of a study's file.
struct StudySetting {
  std::string key;
  std::vector<std::string> values;
};

/// A part of a study's file: "[task.sst-2]" is of the kind "task" and has the name "sst-2".
struct StudySection {
  std::string kind;
  std::string name = {};  ///< empty where the title has no point
  std::vector<StudySetting> settings = {};

  std::string title() const;  ///< "[task.sst-2]"
};

/// The sections of a file in the form of --config, in their order. Throws IoError if the file can't be read,
/// FormatError that names the file for a setting before the first section, and a section or a key of a
/// section that stands there twice.
std::vector<StudySection> read_study_file(const std::filesystem::path& file);

}  // namespace kdqat::cli
