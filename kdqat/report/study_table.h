#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "kdqat/report/page.h"

// The results of a study (a document as in docs/studies.md) as text:
//
//   std::cout << study_text(results);
//   base::write_file_atomically("results.csv", study_csv(results));

namespace kdqat::report {

/// One line about a task: its metric, the reported split, and the split that chose the best models.
std::string study_caption(const nlohmann::json& task);

/// The variants of a task: number of runs that are done, mean, deviation, score by seed and, if the study has
/// a baseline, the comparison with it. A column that no variant has is left out.
Table study_table(const nlohmann::json& task);

/// The captions and tables of all tasks, for a terminal.
std::string study_text(const nlohmann::json& results);

/// The same as comma-separated values with every digit: a header, then one line for each task and variant. A
/// missing value is empty. Values by seed share one field, separated by semicolons.
std::string study_csv(const nlohmann::json& results);

}  // namespace kdqat::report
