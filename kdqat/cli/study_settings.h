#pragma once

#include "kdqat/study/study_file.h"

namespace kdqat::cli {

/// Reads the settings of a study's sections as options of `kdqat finetune` and `distill`: the same names, the
/// same checks.
study::SettingsReaders settings_readers();

}  // namespace kdqat::cli
