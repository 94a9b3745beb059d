#pragma once

#include <filesystem>

#include "kdqat/study/study.h"

namespace kdqat::cli {

/// The study that a file describes (docs/studies.md). Keys are options of `kdqat finetune` and `distill`, and
/// are checked as those are; "$NAME" in a section of a task is the environment's variable.
///
/// Throws FormatError that names file, section, key, what was expected and what was found; besides as
/// read_study_file and study::check do.
study::Study read_study(const std::filesystem::path& file, const std::filesystem::path& output_dir);

}  // namespace kdqat::cli
