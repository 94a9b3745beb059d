#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/text/normalizer.h"

namespace kdqat::text {

/// The names of the special tokens; the fields of tokenizer_config.json.
struct SpecialTokenNames {
  std::string unk = "[UNK]";
  std::string cls = "[CLS]";
  std::string sep = "[SEP]";
  std::string pad = "[PAD]";
  std::string mask = "[MASK]";
};

/// What the files of a tokenizer say.
struct Vocabulary {
  std::string where;                ///< the file that the tokens are from, for messages
  std::vector<std::string> tokens;  ///< id = position
  std::size_t num_pieces = 0;  ///< tokens that WordPiece may use: all but those that were added behind it
  SpecialTokenNames names;
  std::vector<std::string> added_tokens;  ///< found in raw text as the named ones are; among `tokens`
  NormalizerConfig normalizer;
};

/// Reads vocab.txt, or tokenizer.json where there is no vocab.txt, and tokenizer_config.json if there is one.
/// What tokenizer_config.json gives goes before what tokenizer.json gives; what neither gives is as in BERT.
/// Throws as Tokenizer::load does.
Vocabulary load_vocabulary(const std::filesystem::path& model_dir);

/// The lines of a text, without their newlines; nothing behind the last newline is no line.
std::vector<std::string> split_lines(std::string_view text);

/// Everything but the tokens and `where`, for a packed model.
nlohmann::json settings_to_json(const Vocabulary& vocabulary);

/// The vocabulary of those settings and tokens. Throws FormatError that begins with `where` and names the
/// field for a wrong JSON type or more pieces than tokens.
Vocabulary vocabulary_from_settings(const nlohmann::json& settings, std::vector<std::string> tokens,
                                    const std::string& where);

}  // namespace kdqat::text
