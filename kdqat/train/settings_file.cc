#include "kdqat/train/settings_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/format/run_log.h"

namespace kdqat::train {
namespace {

template <typename... Parts>
[[noreturn]] void fail_at(const toml::source_position& position, const Parts&... parts) {
  throw base::FormatError(base::concat("line ", position.line, ": ", parts...));
}

bool is_before(const toml::node& first, const toml::node& second) {
  return first.source().begin < second.source().begin;
}

/// Turns a parsed text into sections. The parser sorts by name and reads numbers: order and spelling come
/// from where a node stands in the text.
class SectionReader {
 public:
  explicit SectionReader(std::string_view text) {
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      lines_.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  std::vector<SettingsSection> read(const toml::table& root) {
    add_section(root, "");
    std::ranges::stable_sort(
        sections_, [](const Placed& first, const Placed& second) { return first.begin < second.begin; });
    std::vector<SettingsSection> sections;
    for (Placed& placed : sections_) sections.push_back(std::move(placed.section));
    return sections;
  }

 private:
  struct Placed {
    toml::source_position begin;
    SettingsSection section;
  };

  void add_section(const toml::table& table, const std::string& title) {
    std::vector<std::pair<std::string, const toml::node*>> values;
    for (const auto& [key, node] : table) {
      const toml::table* below = node.as_table();
      if (below == nullptr || below->is_inline()) {
        values.emplace_back(key.str(), &node);
      } else {
        add_section(*below, base::concat(title, title.empty() ? "" : ".", key.str()));
      }
    }
    // A table of tables alone is none that the text names, but the text without any.
    if (values.empty() && (title.empty() || !table.empty())) return;
    std::ranges::sort(values, [](const auto& first, const auto& second) {
      return is_before(*first.second, *second.second);
    });
    SettingsSection section{.title = title};
    for (const auto& [name, node] : values)
      section.settings.push_back({.name = name, .values = values_of(*node)});
    sections_.push_back({.begin = title.empty() ? toml::source_position{} : table.source().begin,
                         .section = std::move(section)});
  }

  std::vector<std::string> values_of(const toml::node& node) const {
    const toml::array* list = node.as_array();
    if (list == nullptr) return {value_of(node)};
    std::vector<std::string> values;
    for (const toml::node& element : *list) values.push_back(value_of(element));
    return values;
  }

  std::string value_of(const toml::node& node) const {
    if (const auto* text = node.as_string()) return text->get();
    if (!node.is_number() && !node.is_boolean()) {
      fail_at(node.source().begin, "expected a text, a number, true, false or a list of these, found ",
              node.is_table() || node.is_array() ? "a table or a list of lists" : "a date or time");
    }
    std::string literal(lines_[node.source().begin.line - 1]);
    literal = literal.substr(
        byte_at(literal, node.source().begin.column),
        byte_at(literal, node.source().end.column) - byte_at(literal, node.source().begin.column));
    std::erase(literal, '_');  // 1_000
    return literal;
  }

  /// Columns count characters, from 1.
  static std::size_t byte_at(std::string_view line, std::size_t column) {
    std::size_t at = 0;
    for (std::size_t seen = 1; seen < column && at < line.size(); ++seen) {
      do ++at;
      while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0U) == 0x80U);
    }
    return at;
  }

  std::vector<std::string_view> lines_;
  std::vector<Placed> sections_;
};

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

std::vector<SettingsSection> parse_settings(std::string_view text) {
  try {
    return SectionReader(text).read(toml::parse(text));
  } catch (const toml::parse_error& error) {
    std::string_view found = error.description();
    constexpr std::string_view kPrefix = "Error while parsing ";  // "... table header: cannot redefine ..."
    if (found.starts_with(kPrefix) && found.find(": ") != found.npos)
      found.remove_prefix(found.find(": ") + 2);
    const bool twice = found.find("redefine") != found.npos;
    fail_at(error.source().begin, twice ? "expected each section and name once: " : "expected TOML: ", found);
  }
}

std::vector<SettingsSection> read_settings(const std::filesystem::path& file) {
  const std::string text = base::read_file(file);
  try {
    return parse_settings(text);
  } catch (const base::FormatError& error) {
    throw base::FormatError(base::concat(file.string(), ", ", error.what()));
  }
}

std::string settings_text(const std::string& command, const nlohmann::json& effective_config) {
  std::string text = "[" + command + "]\n";
  append_section(text, effective_config);
  return text;
}

void write_settings(const std::filesystem::path& metrics_jsonl, const std::filesystem::path& run_toml) {
  const format::RunStart start = format::read_run_start(metrics_jsonl);
  base::write_file_atomically(run_toml, settings_text(start.command, start.config));
}

}  // namespace kdqat::train
