#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kdqat/study/study.h"

namespace kdqat::study {

/// Names and values as a command line has them: {{"weight-bits", "2"}, {"seeds", "1,2"}}.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// What reads the settings of a section: the options of the program, which this folder does not know. Each
/// throws FormatError that begins with `where` for a name or a value that is none of theirs.
struct SettingsReaders {
  std::function<void(const std::string& where, const Settings&, Study&)> study;  ///< baseline and seeds
  std::function<void(const std::string& where, const Settings&, train::TrainingConfig&)> teacher;
  std::function<void(const std::string& where, const Settings&, train::DistillConfig&)> student;
  std::function<void(const std::string& where, const Settings&, StudyTask&)> task;
};

/// The study that a file describes (docs/studies.md), checked (check in study.h). "$NAME" in a section of a
/// task is the environment's variable.
///
///   const Study study = read_study("configs/gamma.toml", "runs/gamma", readers);
///
/// Throws FormatError that names file, section, name, what was expected and what was found; besides as
/// train::read_settings, the readers and `check` do.
Study read_study(const std::filesystem::path& file, const std::filesystem::path& output_dir,
                 const SettingsReaders& readers);

}  // namespace kdqat::study
