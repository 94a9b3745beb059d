#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/text/token_trie.h"

namespace kdqat::text {

/// Third stage: cuts a word into tokens of the vocabulary, from the left, always the longest that fits
/// (WordPiece; Schuster and Nakajima, ICASSP 2012). A token that continues a word is written with "##" before
/// it. A word that can't be cut to its end, or has more than 100 characters, is one unknown token.
class WordPiece {
 public:
  /// Of distinct tokens, id = position.
  WordPiece(std::span<const std::string> tokens, std::int32_t unknown_id);

  /// Appends the ids of `word`, well-formed UTF-8.
  void append_ids(std::string_view word, std::vector<std::int32_t>& ids) const;

 private:
  TokenTrie trie_;
  std::optional<TokenTrie::Node> continuation_;  // where "##" leads; nothing if no token starts so
  std::int32_t unknown_id_;
};

}  // namespace kdqat::text
