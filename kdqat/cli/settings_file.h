#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace kdqat::cli {

/// The effective configuration of a training (train::to_json) as a file that --config reads: a section of the
/// command's name with the options' long names.
std::string settings_text(const std::string& command, const nlohmann::json& effective_config);

/// Writes run.toml beside the metrics of a run, from what they say of its configuration. Throws IoError, and
/// FormatError if the metrics do not begin with the record of a run.
void write_settings(const std::filesystem::path& metrics_jsonl, const std::filesystem::path& run_toml);

}  // namespace kdqat::cli
