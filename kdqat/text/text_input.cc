#include "kdqat/text/text_input.h"

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "kdqat/base/error.h"

namespace kdqat::text {
namespace {

std::string string_field(const nlohmann::json& object, const char* field, const std::string& where) {
  const nlohmann::json& value = object.at(field);
  if (!value.is_string()) {
    throw base::FormatError(
        base::concat(where, ": field '", field, "': expected a string, found ", value.type_name()));
  }
  return value.get<std::string>();
}

constexpr const char* kStandardInput = "-";

std::ifstream open_file(const std::string& name) {
  std::ifstream file;
  if (name == kStandardInput) return file;
  file.open(name);
  if (!file) throw base::IoError(base::concat(name, ": can't open the file"));
  if (std::filesystem::is_directory(name)) {
    throw base::IoError(base::concat(name, ": expected a file, found a directory"));
  }
  return file;
}

}  // namespace

Encoding encode(const Tokenizer& tokenizer, const TextInput& input, std::int64_t max_seq_length,
                const std::string& place, bool with_offsets) {
  std::optional<std::string_view> pair;
  if (input.pair) pair = *input.pair;
  try {
    return with_offsets ? tokenizer.encode_with_offsets(input.text, pair, max_seq_length)
                        : tokenizer.encode(input.text, pair, max_seq_length);
  } catch (const base::InvalidArgument& error) {
    throw base::InvalidArgument(base::concat(place, ": ", error.what()));
  }
}

std::vector<TextInput> TextReader::read(std::size_t count) {
  std::vector<TextInput> texts;
  lines_.clear();
  for (std::string line; texts.size() < count && std::getline(stream_, line);) {
    ++line_;
    if (line.ends_with('\r')) line.pop_back();
    if (!json_) json_ = form_ == LineForm::kJson || line.starts_with('{');
    if (*json_ && line.find_first_not_of(" \t") == std::string::npos) continue;
    lines_.push_back(line_);
    texts.push_back(*json_ ? parse(line) : TextInput{.text = line, .pair = {}});
  }
  return texts;
}

std::string TextReader::place(std::size_t index) const {
  return base::concat(name_, ": line ", lines_.at(index));
}

TextInput TextReader::parse(const std::string& line) const {
  const std::string where = base::concat(name_, ": line ", line_);
  const nlohmann::json object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    throw base::FormatError(base::concat(where, ": expected a JSON object {\"text\": ...}, found ",
                                         object.is_discarded() ? "no valid JSON" : object.type_name()));
  }
  if (!object.contains("text"))
    throw base::FormatError(base::concat(where, ": expected a field 'text', found none"));
  TextInput input{.text = string_field(object, "text", where), .pair = {}};
  if (object.contains("pair") && !object.at("pair").is_null())
    input.pair = string_field(object, "pair", where);
  return input;
}

TextSource::TextSource(const std::string& file, LineForm form)
    : file_(open_file(file)),
      reader_(file == kStandardInput ? std::cin : file_, form,
              file == kStandardInput ? "standard input" : file) {}

}  // namespace kdqat::text
