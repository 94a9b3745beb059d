#include "kdqat/cli/settings_file.h"

#include <algorithm>
#include <fstream>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"

namespace kdqat::cli {
namespace {

std::string option_name(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

/// Limits that are off have no value to give to an option, and weights that follow from other options are for
/// the record alone.
bool is_no_option(const std::string& key, const nlohmann::json& value) {
  return ((key == "max_steps" || key == "batch_tokens") && value == 0) || key == "effective_weights";
}

void append(std::string& text, const std::string& option, const nlohmann::json& value) {
  text.append(option).append("=").append(value.dump()).append("\n");
}

void append_section(std::string& text, const nlohmann::json& section) {
  for (const auto& [key, value] : section.items()) {
    if (key == "objective" || key == "quantization" || key == "columns") {
      append_section(text, value);
    } else if (key == "recipe") {
      append(text, "objective", value);
    } else if (key == "weights") {
      for (const auto& [loss, weight] : value.items()) append(text, option_name(loss) + "-weight", weight);
    } else if (!is_no_option(key, value)) {
      append(text, option_name(key), value);
    }
  }
}

}  // namespace

std::string settings_text(const std::string& command, const nlohmann::json& effective_config) {
  std::string text = "[" + command + "]\n";
  append_section(text, effective_config);
  return text;
}

void write_settings(const std::filesystem::path& metrics_jsonl, const std::filesystem::path& run_toml) {
  std::ifstream stream(metrics_jsonl);
  std::string line;
  std::getline(stream, line);
  const nlohmann::json record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object() || record.value("kind", "") != "run") {
    throw base::FormatError(metrics_jsonl.string() +
                            ": line 1: expected the record of a run, found another line");
  }
  base::write_file_atomically(run_toml, settings_text(record.at("command"), record.at("config")));
}

}  // namespace kdqat::cli
