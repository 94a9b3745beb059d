#include "kdqat/text/word_piece.h"

#include <algorithm>
#include <limits>

#include "kdqat/base/error.h"

namespace kdqat::text {
namespace {

bool has_more_characters(std::string_view word, std::size_t count) {
  if (word.size() <= count) return false;
  const auto characters = std::count_if(word.begin(), word.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // not a continuation byte
  });
  return static_cast<std::size_t>(characters) > count;
}

}  // namespace

WordPiece::WordPiece(const Tokens& tokens, const Settings& settings)
    : trie_(tokens.all(), tokens.sorted()),
      continuation_(trie_.find_node(settings.continuing_subword_prefix)),
      unknown_id_(settings.unknown_id),
      max_characters_(settings.max_input_chars_per_word) {}

void WordPiece::append_pieces(std::string_view word, std::vector<Piece>& pieces) const {
  const std::size_t num_before = pieces.size();
  bool is_known = !has_more_characters(word, max_characters_);
  std::optional<TokenTrie::Node> node = TokenTrie::kRoot;
  std::size_t begin = 0;
  while (is_known && begin < word.size()) {
    const TokenTrie::Match match = node ? trie_.longest_match(*node, word.substr(begin)) : TokenTrie::Match{};
    is_known = match.length > 0;
    pieces.push_back({.id = match.id,
                      .begin = static_cast<std::uint32_t>(begin),
                      .end = static_cast<std::uint32_t>(begin + match.length)});
    begin += match.length;
    node = continuation_;
  }
  if (!is_known) {
    pieces.resize(num_before);
    pieces.push_back({.id = unknown_id_, .begin = 0, .end = static_cast<std::uint32_t>(word.size())});
  }
}

std::unique_ptr<const Model> make_word_piece(const base::JsonFields& model, const Tokens& tokens) {
  const std::string unknown = model.string_or("unk_token", "[UNK]");
  const std::optional<std::int32_t> unknown_id = tokens.find(unknown);
  if (!unknown_id) {
    throw base::FormatError(base::concat(model.where(), ": vocab: expected the token ", base::quote(unknown),
                                         ", found none among ", tokens.count()));
  }
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  return std::make_unique<const WordPiece>(
      tokens,
      WordPiece::Settings{.unknown_id = *unknown_id,
                          .continuing_subword_prefix = model.string_or("continuing_subword_prefix", "##"),
                          .max_input_chars_per_word = static_cast<std::size_t>(
                              model.integer_or("max_input_chars_per_word", 0, kLargest, 100))});
}

}  // namespace kdqat::text
