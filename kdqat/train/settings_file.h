#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace kdqat::train {

// Files of settings in TOML (https://toml.io, 1.0): run.toml beside a run, what --config reads, a study.
//
//   [finetune]
//   learning-rate = 1e-4
//   labels = ["no", "yes"]
//
//   const std::vector<SettingsSection> sections = read_settings("run.toml");
//   sections[0].title;                 // "finetune"
//   sections[0].settings[0].values[0]  // "1e-4"

/// "name = value" or "name = [value, ...]". Texts are without their quotes; numbers, true and false are as
/// the file writes them, so that they read as on a command line.
struct Setting {
  std::string name;
  std::vector<std::string> values;
};

struct SettingsSection {
  std::string title;  ///< "task.sst-2" of [task.sst-2]; empty for settings before the first section
  std::vector<Setting> settings = {};
};

/// The sections of a text and the settings of each, in their order. Throws FormatError that names the line,
/// what was expected and what was found, for what is no TOML, a section or a name of one that stands there
/// twice, and a value that is no text, number, true, false or list of these.
std::vector<SettingsSection> parse_settings(std::string_view text);

/// As parse_settings; errors also name the file. Throws IoError if it can't be read.
std::vector<SettingsSection> read_settings(const std::filesystem::path& file);

/// The effective configuration of a training (to_json of training_config.h) as a file that --config reads: a
/// section of the command's name with the options' long names.
std::string settings_text(const std::string& command, const nlohmann::json& effective_config);

/// Writes run.toml beside the metrics of a run, from what they say of its configuration. Throws IoError, and
/// FormatError if the metrics do not begin with the record of a run.
void write_settings(const std::filesystem::path& metrics_jsonl, const std::filesystem::path& run_toml);

}  // namespace kdqat::train
