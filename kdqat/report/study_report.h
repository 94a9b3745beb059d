#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace kdqat::report {

/// Writes the results of a study (docs/studies.md) as one self-contained HTML page: for each task a chart of
/// the scores by variant and the table of study_table, then the settings. Throws IoError, and what the JSON
/// library throws for a document of another form.
void write_study_report(const std::string& title, const nlohmann::json& results,
                        const std::filesystem::path& html);

}  // namespace kdqat::report
