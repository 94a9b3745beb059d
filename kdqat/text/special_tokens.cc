#include "kdqat/text/special_tokens.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/text/json_array.h"

namespace kdqat::text {
namespace {

using base::concat;
using base::FormatError;
using base::JsonFields;
using nlohmann::json;

constexpr std::int64_t kLargestId = std::int64_t{1} << 30;

/// Whether `field` names a token that is not one of SpecialTokens::kFields, such as "image_token".
bool is_other_name(std::string_view field) {
  return field.ends_with("_token") && std::find(SpecialTokens::kFields.begin(), SpecialTokens::kFields.end(),
                                                field) == SpecialTokens::kFields.end();
}

void push_unless_there(AddedToken token, std::vector<AddedToken>& tokens) {
  const auto is_same = [&](const AddedToken& other) { return other.content == token.content; };
  if (std::none_of(tokens.begin(), tokens.end(), is_same)) tokens.push_back(std::move(token));
}

}  // namespace

AddedToken read_token_value(const json& value, const std::string& where, bool is_special) {
  if (value.is_string()) return {.id = 0, .content = value.get<std::string>()};
  if (!value.is_object()) {
    throw FormatError(concat(where, ": expected a string or an object, found ", base::describe(value)));
  }
  const JsonFields fields(value, where);
  return {
      .id = 0,
      .content = fields.string_or("content", ""),
      .single_word = fields.boolean_or("single_word", false),
      .lstrip = fields.boolean_or("lstrip", false),
      .rstrip = fields.boolean_or("rstrip", false),
      .normalized = fields.boolean_or("normalized", !(is_special || fields.boolean_or("special", false)))};
}

json to_json(const AddedToken& token) {
  return {{"id", token.id},         {"content", token.content}, {"single_word", token.single_word},
          {"lstrip", token.lstrip}, {"rstrip", token.rstrip},   {"normalized", token.normalized}};
}

SpecialTokens::SpecialTokens(std::array<std::optional<AddedToken>, kNames> defaults, const Files& files) {
  for (std::size_t i = 0; i < kNames; ++i) {
    if (defaults[i]) named_[i] = Named{.token = *std::move(defaults[i])};
  }
  const JsonFields* const config = files.tokenizer_config;
  if (config != nullptr) {
    read_names(*config);
    read_extra(*config);
    config_lists_extra_ = config->find("extra_special_tokens") != nullptr ||
                          config->find("additional_special_tokens") != nullptr;
  }
  older_extra_ = extra_.size();
  if (config != nullptr && config->find("added_tokens_decoder") != nullptr) {
    read_decoder(*config);
  } else {
    read_older(files);
  }
  for (std::optional<Named>& named : named_) {
    if (!named) continue;
    for (const auto& [id, token] : listed_) {
      if (token.content == named->token.content) named->token = token;
    }
  }
}

const std::string& SpecialTokens::content(Name name) const {
  static const std::string kNone;
  return named_[name] ? named_[name]->token.content : kNone;
}

void SpecialTokens::add_pieces(const std::vector<AddedToken>& tokens) {
  if (config_lists_extra_) return;
  extra_.resize(older_extra_);
  for (const AddedToken& token : tokens) push_unless_there(token, extra_);
}

void SpecialTokens::read_names(const JsonFields& fields) {
  for (std::size_t i = 0; i < kNames; ++i) {
    const json* const value = fields.find(kFields[i]);
    if (value == nullptr) continue;
    AddedToken token = read_token_value(*value, concat(fields.where(), ": ", kFields[i]), true);
    if (token.content.empty()) continue;
    // A string keeps the flags of the class's own token of the same content (<mask> of CamemBERT).
    if (value->is_string() && named_[i] && named_[i]->token.content == token.content)
      token = named_[i]->token;
    named_[i] = Named{.token = std::move(token), .is_given = true};
  }
}

void SpecialTokens::read_extra(const JsonFields& fields) {
  for (const auto& [name, value] : fields.value().items()) {
    if (is_other_name(name) && value.is_string()) {
      push_unless_there({.id = 0, .content = value.get<std::string>()}, extra_);
    }
  }
  for (const char* const field : {"extra_special_tokens", "additional_special_tokens"}) {
    const json* const tokens = fields.find(field);
    if (tokens == nullptr) continue;
    if (!tokens->is_array() && !tokens->is_object()) fields.fail(field, "an array of tokens");
    for (const json& token : *tokens) {
      push_unless_there(read_token_value(token, concat(fields.where(), ": ", field), true), extra_);
    }
  }
}

void SpecialTokens::read_decoder(const JsonFields& config) {
  const JsonFields decoder = config.object("added_tokens_decoder");
  for (const auto& [key, token] : decoder.value().items()) {
    std::int64_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0 || id > kLargestId) {
      throw FormatError(concat(decoder.where(), ": expected ids as names, found ", base::quote(key)));
    }
    if (!token.is_object()) decoder.fail(key, "an object");
    listed_[id] = read_token_value(token, concat(decoder.where(), ": ", key), false);
    if (listed_[id].content.empty())
      JsonFields(token, concat(decoder.where(), ": ", key)).fail("content", "a token");
  }
}

void SpecialTokens::read_older(const Files& files) {
  if (files.special_tokens_map != nullptr) read_names(*files.special_tokens_map);
  if (files.added_tokens != nullptr) {
    std::set<std::string> special;
    for (const std::optional<Named>& named : named_) {
      if (named && named->is_given) special.insert(named->token.content);
    }
    for (const AddedToken& token : extra_) special.insert(token.content);
    for (const auto& [content, value] : files.added_tokens->value().items()) {
      const std::int64_t id = files.added_tokens->integer(content, 0, kLargestId);
      listed_[id] = {.id = 0, .content = content, .normalized = !special.contains(content)};
    }
  }
  if (files.special_tokens_map != nullptr) read_extra(*files.special_tokens_map);
  if (files.tokenizer_json != nullptr && files.tokenizer_json->find("added_tokens") != nullptr) {
    for_each_object(*files.tokenizer_json, "added_tokens", [&](const JsonFields& fields) {
      const json& token = fields.value();
      listed_[fields.integer("id", 0, kLargestId)] = read_token_value(token, fields.where(), false);
    });
  }
}

}  // namespace kdqat::text
