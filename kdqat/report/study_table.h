#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "kdqat/report/page.h"

namespace kdqat::report {

// What follows shows the results of a study, a document as docs/studies.md describes it.

/// One line about a task of a study: its metric, what was reported, and what chose the best models.
std::string study_caption(const nlohmann::json& task);

/// The variants of a task: runs that are done, mean, deviation, the score of each seed and, where the study
/// has a baseline, the comparison with it. Columns that no variant has are left out.
Table study_table(const nlohmann::json& task);

/// Captions and tables of all tasks, for a terminal.
std::string study_text(const nlohmann::json& results);

/// The same as comma-separated values: a header, then a line a task and variant, with every digit. What is
/// not there is empty; several values in one field, by seed, have semicolons between them.
std::string study_csv(const nlohmann::json& results);

}  // namespace kdqat::report
