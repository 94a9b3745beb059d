#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

// The page of a study:
//
//   write_study_report("main-table", results, "runs/main-table/results.html");

namespace kdqat::report {

/// Writes the results of a study (docs/studies.md) as one HTML page that needs no other file: for each task a
/// chart of the scores by variant and the table of study_table, then the settings. Throws IoError, and what
/// the JSON library throws for a document of another form.
void write_study_report(const std::string& title, const nlohmann::json& results,
                        const std::filesystem::path& html);

}  // namespace kdqat::report
