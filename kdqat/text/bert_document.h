#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/text/tokenizer.h"

namespace kdqat::text {

/// BERT's settings, under the names of tokenizer_config.json.
struct BertSettings {
  bool do_lower_case = true;
  std::optional<bool> strip_accents = std::nullopt;  ///< as do_lower_case where it is not given
  bool tokenize_chinese_chars = true;
  std::string unk_token = "[UNK]";
  std::string cls_token = "[CLS]";
  std::string sep_token = "[SEP]";
  std::string pad_token = "[PAD]";
  std::string mask_token = "[MASK]";
};

/// The tokenizer.json document of a BERT tokenizer:
///
///   const auto document = make_bert_document({{"[UNK]", "[CLS]", "[SEP]", "film"}}, {}, "vocab.txt");
///   const Tokenizer tokenizer(document);
///
/// Id = position. The five named tokens, as far as they are among `tokens`, are found in the text itself.
/// Throws FormatError that begins with `where` for a token that is not UTF-8 or occurs twice, and for tokens
/// without unk_token, cls_token or sep_token.
nlohmann::json make_bert_document(std::span<const std::string> tokens, const BertSettings& settings,
                                  const std::string& where);

/// The object {token: id} of tokens, id = position. Throws as make_bert_document does for the tokens.
nlohmann::json index_vocabulary(std::span<const std::string> tokens, const std::string& where);

/// The tokenizer.json document of a packed file of version 1, which has BERT's tokens, one a line, and
/// settings. Throws FormatError that begins with `where` and names the field for a wrong JSON type or more
/// pieces than tokens, and as make_bert_document.
nlohmann::json make_version_1_document(const nlohmann::json& settings, std::span<const std::string> tokens,
                                       const std::string& where);

/// A BERT tokenizer of these tokens; for tests. Throws as make_bert_document.
Tokenizer make_bert_tokenizer(const std::vector<std::string>& tokens, const BertSettings& settings = {});

/// The lines of a text, without their newlines; nothing behind the last newline is no line.
std::vector<std::string> split_lines(std::string_view text);

}  // namespace kdqat::text
