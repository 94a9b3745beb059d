#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/base/json.h"
#include "kdqat/text/model.h"
#include "kdqat/text/token_trie.h"
#include "kdqat/text/tokens.h"

namespace kdqat::text {

/// WordPiece (Schuster and Nakajima, ICASSP 2012): "playing" is "play", "##ing". Cuts a word from the left,
/// always the longest token that fits; a token that continues a word is written with a prefix before it. A
/// word that can't be cut to its end, or has too many characters, is one unknown token. Takes linear time.
class WordPiece final : public Model {
 public:
  struct Settings {
    std::int32_t unknown_id = 0;
    std::string continuing_subword_prefix = "##";
    std::size_t max_input_chars_per_word = 100;
  };

  WordPiece(const Tokens& tokens, const Settings& settings);

  void append_pieces(std::string_view word, std::vector<Piece>& pieces) const override;

 private:
  TokenTrie trie_;
  std::optional<TokenTrie::Node> continuation_;  // where the prefix leads; nothing if no token starts so
  std::int32_t unknown_id_;
  std::size_t max_characters_;
};

/// Of tokenizer.json's fields unk_token ("[UNK]" if absent), continuing_subword_prefix ("##") and
/// max_input_chars_per_word (100). Throws FormatError for a wrong type and an unknown token that is not among
/// `tokens`.
std::unique_ptr<const Model> make_word_piece(const base::JsonFields& model, const Tokens& tokens);

}  // namespace kdqat::text
