#include "kdqat/text/vocabulary.h"

#include <charconv>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat::text {
namespace {

namespace fs = std::filesystem;
using base::concat;
using base::FormatError;
using nlohmann::json;

constexpr const char* kVocabTxt = "vocab.txt";
constexpr const char* kTokenizerJson = "tokenizer.json";
constexpr const char* kTokenizerConfig = "tokenizer_config.json";

/// Typed access to the fields of a JSON object. Every error is a FormatError
/// "<where>: <field>: expected <what>, found <what>"; a field that is null counts as absent.
class JsonFields {
 public:
  JsonFields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) {
      throw FormatError(concat(where_, ": expected a JSON object, found ", describe(object)));
    }
  }

  const std::string& where() const { return where_; }

  const json* find(std::string_view name) const {
    const auto field = object_.find(name);
    return field == object_.end() || field->is_null() ? nullptr : &*field;
  }

  JsonFields object(std::string_view name) const {
    const json* const field = find(name);
    if (field == nullptr || !field->is_object()) fail(name, "an object");
    return {*field, concat(where_, ": ", name)};
  }

  std::string string_or(std::string_view name, std::string_view fallback) const {
    const json* const field = find(name);
    if (field == nullptr) return std::string(fallback);
    if (!field->is_string()) fail(name, "a string");
    return field->get<std::string>();
  }

  bool bool_or(std::string_view name, bool fallback) const {
    const json* const field = find(name);
    if (field == nullptr) return fallback;
    if (!field->is_boolean()) fail(name, "true or false");
    return field->get<bool>();
  }

  /// Throws unless the field equals `value`.
  void expect(std::string_view name, const json& value) const {
    const json* const field = find(name);
    if (field == nullptr || *field != value) fail(name, value.dump());
  }

  void expect_if_given(std::string_view name, const json& value) const {
    if (find(name) != nullptr) expect(name, value);
  }

  [[noreturn]] void fail(std::string_view name, std::string_view expected) const {
    const auto field = object_.find(name);
    throw FormatError(concat(where_, ": ", name, ": expected ", expected, ", found ",
                             field == object_.end() ? "no such field" : describe(*field)));
  }

 private:
  static std::string describe(const json& value) {
    if (value.is_object()) return "an object";
    if (value.is_array()) return "an array";
    constexpr std::size_t kLongest = 80;
    return value.dump(-1, ' ', /*ensure_ascii=*/true).substr(0, kLongest);
  }

  const json& object_;
  std::string where_;
};

json read_json(const fs::path& path) {
  try {
    return json::parse(base::read_file(path));
  } catch (const json::parse_error& error) {
    throw FormatError(concat(path.string(), ": expected JSON in UTF-8, found a syntax error at byte ",
                             error.byte == 0 ? 0 : error.byte - 1));
  }
}

void read_vocab_txt(const fs::path& path, Vocabulary& vocabulary) {
  vocabulary.tokens = split_lines(base::read_file(path));
  for (std::string& token : vocabulary.tokens) {
    if (token.ends_with('\r')) token.pop_back();
  }
  vocabulary.num_pieces = vocabulary.tokens.size();
}

void read_pieces(const JsonFields& model, Vocabulary& vocabulary) {
  const json* const pieces = model.find("vocab");
  if (pieces == nullptr || !pieces->is_object()) model.fail("vocab", "an object of tokens and their ids");
  const JsonFields fields(*pieces, concat(model.where(), ": vocab"));
  const std::size_t count = pieces->size();
  std::vector<bool> is_taken(count, false);
  vocabulary.tokens.resize(count);
  for (const auto& [token, value] : pieces->items()) {
    const std::uint64_t id = value.is_number_unsigned() ? value.get<std::uint64_t>() : count;
    if (id >= count || is_taken[id]) {
      fields.fail(token, concat("an id from 0 to ", count - 1, " that no other token has"));
    }
    is_taken[id] = true;
    vocabulary.tokens[id] = token;
  }
  vocabulary.num_pieces = count;
}

/// A token that may stand behind those of WordPiece; ids must come in ascending order.
void read_added_token(const JsonFields& fields, std::uint64_t id, Vocabulary& vocabulary) {
  const std::string content = fields.string_or("content", "");
  if (content.empty()) fields.fail("content", "a token");
  for (const char* const flag : {"single_word", "lstrip", "rstrip", "normalized"})
    fields.expect_if_given(flag, false);
  if (id > vocabulary.tokens.size()) {
    throw FormatError(concat(fields.where(), ": expected an id up to ", vocabulary.tokens.size(),
                             ", the next of the vocabulary, found ", id));
  }
  if (id == vocabulary.tokens.size()) vocabulary.tokens.push_back(content);
  if (vocabulary.tokens[id] != content) {
    fields.fail("content", concat('\'', vocabulary.tokens[id], "', which has the id ", id));
  }
  vocabulary.added_tokens.push_back(content);
}

void read_added_tokens(const JsonFields& root, Vocabulary& vocabulary) {
  const json* const added = root.find("added_tokens");
  if (added == nullptr) return;
  if (!added->is_array()) root.fail("added_tokens", "an array");
  std::size_t position = 0;
  for (const json& token : *added) {
    const JsonFields fields(token, concat(root.where(), ": added_tokens[", position++, "]"));
    const json* const id = fields.find("id");
    if (id == nullptr || !id->is_number_unsigned()) fields.fail("id", "an id");
    read_added_token(fields, id->get<std::uint64_t>(), vocabulary);
  }
}

/// What later versions of transformers write instead: an object of ids, as strings, and tokens.
void read_added_tokens_decoder(const JsonFields& config, Vocabulary& vocabulary) {
  if (config.find("added_tokens_decoder") == nullptr) return;
  const JsonFields decoder = config.object("added_tokens_decoder");
  std::map<std::uint64_t, const json*> tokens;
  for (const auto& [key, token] : config.find("added_tokens_decoder")->items()) {
    std::uint64_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size()) {
      throw FormatError(concat(decoder.where(), ": expected ids as names, found '", key, "'"));
    }
    tokens[id] = &token;
  }
  for (const auto& [id, token] : tokens) {
    read_added_token(JsonFields(*token, concat(decoder.where(), ": ", id)), id, vocabulary);
  }
}

void read_normalizer(const JsonFields& root, NormalizerConfig& config) {
  const JsonFields normalizer = root.object("normalizer");
  normalizer.expect("type", "BertNormalizer");
  normalizer.expect_if_given("clean_text", true);
  config.do_lower_case = normalizer.bool_or("lowercase", config.do_lower_case);
  config.tokenize_chinese_chars = normalizer.bool_or("handle_chinese_chars", config.tokenize_chinese_chars);
  if (normalizer.find("strip_accents") != nullptr) {
    config.strip_accents = normalizer.bool_or("strip_accents", false);
  }
}

void read_tokenizer_json(const JsonFields& root, Vocabulary& vocabulary) {
  const JsonFields model = root.object("model");
  model.expect("type", "WordPiece");
  model.expect_if_given("continuing_subword_prefix", "##");
  model.expect_if_given("max_input_chars_per_word", 100);
  root.object("pre_tokenizer").expect("type", "BertPreTokenizer");
  read_normalizer(root, vocabulary.normalizer);
  vocabulary.names.unk = model.string_or("unk_token", vocabulary.names.unk);
  read_pieces(model, vocabulary);
  read_added_tokens(root, vocabulary);
}

/// Throws FormatError unless the template is [CLS] A [SEP] for one text, [CLS] A [SEP] B [SEP] for two.
void check_post_processor(const JsonFields& root, const SpecialTokenNames& names) {
  if (root.find("post_processor") == nullptr) return;
  const JsonFields processor = root.object("post_processor");
  if (processor.string_or("type", "BertProcessing") == "BertProcessing") return;
  processor.expect("type", "TemplateProcessing");
  const auto special = [](const std::string& name, int type_id) {
    return json{{"SpecialToken", {{"id", name}, {"type_id", type_id}}}};
  };
  const auto sequence = [](const char* id, int type_id) {
    return json{{"Sequence", {{"id", id}, {"type_id", type_id}}}};
  };
  json expected = json::array({special(names.cls, 0), sequence("A", 0), special(names.sep, 0)});
  processor.expect("single", expected);
  expected.push_back(sequence("B", 1));
  expected.push_back(special(names.sep, 1));
  processor.expect("pair", expected);
}

/// A special token as tokenizer_config.json writes it: a string, or an object with it as "content".
std::string read_token_name(const JsonFields& config, std::string_view field, const std::string& fallback) {
  const json* const value = config.find(field);
  const bool is_object = value != nullptr && value->is_object();
  return is_object ? config.object(field).string_or("content", fallback) : config.string_or(field, fallback);
}

/// Names of earlier versions of transformers; they must be in the vocabulary.
void read_additional_special_tokens(const JsonFields& config, Vocabulary& vocabulary) {
  const json* const tokens = config.find("additional_special_tokens");
  if (tokens == nullptr) return;
  if (!tokens->is_array()) config.fail("additional_special_tokens", "an array");
  for (const json& token : *tokens) {
    const json entry = {{"token", token}};
    vocabulary.added_tokens.push_back(read_token_name(
        JsonFields(entry, concat(config.where(), ": additional_special_tokens")), "token", ""));
  }
}

void read_normalizer_settings(const JsonFields& config, NormalizerConfig& normalizer) {
  normalizer.do_lower_case = config.bool_or("do_lower_case", normalizer.do_lower_case);
  normalizer.tokenize_chinese_chars =
      config.bool_or("tokenize_chinese_chars", normalizer.tokenize_chinese_chars);
  if (config.find("strip_accents") != nullptr) {
    normalizer.strip_accents = config.bool_or("strip_accents", false);
  }
}

void read_token_names(const JsonFields& config, SpecialTokenNames& names) {
  names.unk = read_token_name(config, "unk_token", names.unk);
  names.cls = read_token_name(config, "cls_token", names.cls);
  names.sep = read_token_name(config, "sep_token", names.sep);
  names.pad = read_token_name(config, "pad_token", names.pad);
  names.mask = read_token_name(config, "mask_token", names.mask);
}

void read_tokenizer_config(const JsonFields& config, Vocabulary& vocabulary) {
  read_normalizer_settings(config, vocabulary.normalizer);
  read_token_names(config, vocabulary.names);
  read_added_tokens_decoder(config, vocabulary);
  read_additional_special_tokens(config, vocabulary);
}

/// Also true where the system does not say, so that reading the file tells why.
bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::status(path, error).type() != fs::file_type::not_found;
}

}  // namespace

Vocabulary load_vocabulary(const fs::path& model_dir) {
  const fs::path vocab_txt = model_dir / kVocabTxt;
  const fs::path tokenizer_json = model_dir / kTokenizerJson;
  const fs::path tokenizer_config = model_dir / kTokenizerConfig;
  const bool has_vocab_txt = is_there(vocab_txt);
  if (!has_vocab_txt && !is_there(tokenizer_json)) {
    throw base::IoError(
        concat(model_dir.string(), ": expected vocab.txt or tokenizer.json, found neither of them"));
  }

  Vocabulary vocabulary;
  vocabulary.where = (has_vocab_txt ? vocab_txt : tokenizer_json).string();
  const json tokenizer = has_vocab_txt ? json::object() : read_json(tokenizer_json);
  const json config = is_there(tokenizer_config) ? read_json(tokenizer_config) : json::object();
  const JsonFields tokenizer_fields(tokenizer, tokenizer_json.string());
  if (has_vocab_txt) {
    read_vocab_txt(vocab_txt, vocabulary);
  } else {
    read_tokenizer_json(tokenizer_fields, vocabulary);
  }
  read_tokenizer_config(JsonFields(config, tokenizer_config.string()), vocabulary);
  check_post_processor(tokenizer_fields, vocabulary.names);
  return vocabulary;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    lines.emplace_back(text.substr(0, newline));
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
  return lines;
}

json settings_to_json(const Vocabulary& vocabulary) {
  const NormalizerConfig& normalizer = vocabulary.normalizer;
  const SpecialTokenNames& names = vocabulary.names;
  return {{"do_lower_case", normalizer.do_lower_case},
          {"strip_accents", normalizer.strip_accents ? json(*normalizer.strip_accents) : json()},
          {"tokenize_chinese_chars", normalizer.tokenize_chinese_chars},
          {"unk_token", names.unk},
          {"cls_token", names.cls},
          {"sep_token", names.sep},
          {"pad_token", names.pad},
          {"mask_token", names.mask},
          {"num_pieces", vocabulary.num_pieces},
          {"added_tokens", vocabulary.added_tokens}};
}

Vocabulary vocabulary_from_settings(const json& settings, std::vector<std::string> tokens,
                                    const std::string& where) {
  Vocabulary vocabulary;
  vocabulary.where = where;
  vocabulary.tokens = std::move(tokens);
  const JsonFields fields(settings, where);
  read_normalizer_settings(fields, vocabulary.normalizer);
  read_token_names(fields, vocabulary.names);
  const json* const pieces = fields.find("num_pieces");
  if (pieces == nullptr || !pieces->is_number_unsigned() ||
      pieces->get<std::uint64_t>() > vocabulary.tokens.size()) {
    fields.fail("num_pieces", concat("an integer up to ", vocabulary.tokens.size()));
  }
  vocabulary.num_pieces = pieces->get<std::size_t>();
  const json* const added = fields.find("added_tokens");
  if (added == nullptr || !added->is_array()) fields.fail("added_tokens", "an array of strings");
  for (const json& token : *added) {
    if (!token.is_string()) fields.fail("added_tokens", "an array of strings");
    vocabulary.added_tokens.push_back(token.get<std::string>());
  }
  return vocabulary;
}

void copy_tokenizer_files(const fs::path& from, const fs::path& to) {
  for (const char* const name : {kVocabTxt, kTokenizerJson, kTokenizerConfig, "special_tokens_map.json"}) {
    if (is_there(from / name)) base::write_file_atomically(to / name, base::read_file(from / name));
  }
}

}  // namespace kdqat::text
