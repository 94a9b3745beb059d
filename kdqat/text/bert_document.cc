#include "kdqat/text/bert_document.h"

#include <map>
#include <string_view>
#include <unordered_map>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

using base::concat;
using base::FormatError;
using base::JsonFields;
using nlohmann::json;

using TokenIds = std::unordered_map<std::string_view, std::int32_t>;

TokenIds index_tokens(std::span<const std::string> tokens, const std::string& where) {
  TokenIds ids;
  ids.reserve(tokens.size());
  std::int32_t id = 0;
  for (const std::string& token : tokens) {
    if (const auto position = find_invalid_utf8(token)) {
      throw FormatError(
          concat(where, ": token ", id, ": expected UTF-8, found an invalid byte at position ", *position));
    }
    const auto [entry, is_new] = ids.try_emplace(token, id);
    if (!is_new) {
      throw FormatError(concat(where, ": token ", id, ": expected each token once, found ",
                               base::quote(token), ", which is token ", entry->second));
    }
    ++id;
  }
  return ids;
}

std::int32_t required_id(const TokenIds& ids, const std::string& token, const std::string& where) {
  const auto entry = ids.find(token);
  if (entry == ids.end()) {
    throw FormatError(concat(where, ": expected the token ", token, ", found none among ", ids.size()));
  }
  return entry->second;
}

json added_token(std::int32_t id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

/// `pieces` are WordPiece's, the rest of `tokens` and those of `added` are found in the text itself.
json make_document(std::span<const std::string> tokens, std::size_t num_pieces,
                   std::vector<std::string> added, const BertSettings& settings, const std::string& where) {
  const TokenIds ids = index_tokens(tokens, where);
  json vocabulary = json::object();
  for (std::size_t i = 0; i < num_pieces; ++i) vocabulary[tokens[i]] = i;
  const std::int32_t cls = required_id(ids, settings.cls_token, where);
  const std::int32_t sep = required_id(ids, settings.sep_token, where);
  required_id(ids, settings.unk_token, where);
  for (const std::string* name : {&settings.unk_token, &settings.cls_token, &settings.sep_token,
                                  &settings.pad_token, &settings.mask_token}) {
    if (ids.contains(*name)) added.push_back(*name);
  }
  std::map<std::int32_t, std::string> special;
  for (const std::string& token : added) {
    if (!token.empty()) special[required_id(ids, token, where)] = token;
  }
  for (std::size_t i = num_pieces; i < tokens.size(); ++i) special[static_cast<std::int32_t>(i)] = tokens[i];
  json added_tokens = json::array();
  for (const auto& [id, token] : special) added_tokens.push_back(added_token(id, token));
  return {{"version", "1.0"},
          {"added_tokens", std::move(added_tokens)},
          {"normalizer",
           {{"type", "BertNormalizer"},
            {"clean_text", true},
            {"handle_chinese_chars", settings.tokenize_chinese_chars},
            {"strip_accents", settings.strip_accents ? json(*settings.strip_accents) : json()},
            {"lowercase", settings.do_lower_case}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor",
           {{"type", "BertProcessing"},
            {"sep", json::array({settings.sep_token, sep})},
            {"cls", json::array({settings.cls_token, cls})}}},
          {"model",
           {{"type", "WordPiece"}, {"unk_token", settings.unk_token}, {"vocab", std::move(vocabulary)}}}};
}

}  // namespace

json make_bert_document(std::span<const std::string> tokens, const BertSettings& settings,
                        const std::string& where) {
  return make_document(tokens, tokens.size(), {}, settings, where);
}

json index_vocabulary(std::span<const std::string> tokens, const std::string& where) {
  json vocabulary = json::object();
  for (const auto& [token, id] : index_tokens(tokens, where)) vocabulary[std::string(token)] = id;
  return vocabulary;
}

json make_version_1_document(const json& settings, std::span<const std::string> tokens,
                             const std::string& where) {
  const JsonFields fields(settings, where);
  BertSettings bert;
  bert.do_lower_case = fields.boolean_or("do_lower_case", bert.do_lower_case);
  bert.tokenize_chinese_chars = fields.boolean_or("tokenize_chinese_chars", bert.tokenize_chinese_chars);
  if (fields.find("strip_accents") != nullptr) bert.strip_accents = fields.boolean_or("strip_accents", false);
  bert.unk_token = fields.string_or("unk_token", bert.unk_token);
  bert.cls_token = fields.string_or("cls_token", bert.cls_token);
  bert.sep_token = fields.string_or("sep_token", bert.sep_token);
  bert.pad_token = fields.string_or("pad_token", bert.pad_token);
  bert.mask_token = fields.string_or("mask_token", bert.mask_token);
  const auto num_pieces =
      static_cast<std::size_t>(fields.integer("num_pieces", 0, static_cast<std::int64_t>(tokens.size())));
  const json* const given = fields.find("added_tokens");
  if (given == nullptr || !given->is_array()) fields.fail("added_tokens", "an array of strings");
  std::vector<std::string> added;
  for (const json& token : *given) {
    if (!token.is_string()) fields.fail("added_tokens", "an array of strings");
    added.push_back(token.get<std::string>());
  }
  return make_document(tokens, num_pieces, std::move(added), bert, where);
}

Tokenizer make_bert_tokenizer(const std::vector<std::string>& tokens, const BertSettings& settings) {
  return Tokenizer(make_bert_document(tokens, settings, "vocabulary"), "vocabulary");
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

}  // namespace kdqat::text
