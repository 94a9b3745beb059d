#include "kdqat/text/word_piece.h"

#include <algorithm>
#include <cstddef>

namespace kdqat::text {
namespace {

constexpr std::size_t kMaxCharacters = 100;

bool is_too_long(std::string_view word) {
  if (word.size() <= kMaxCharacters) return false;
  const auto characters = std::count_if(word.begin(), word.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // not a continuation byte
  });
  return static_cast<std::size_t>(characters) > kMaxCharacters;
}

}  // namespace

WordPiece::WordPiece(std::span<const std::string> tokens, std::int32_t unknown_id)
    : trie_(tokens), continuation_(trie_.find_node("##")), unknown_id_(unknown_id) {}

void WordPiece::append_ids(std::string_view word, std::vector<std::int32_t>& ids) const {
  const std::size_t start = ids.size();
  bool is_known = !is_too_long(word);
  std::optional<TokenTrie::Node> node = TokenTrie::kRoot;
  while (is_known && !word.empty()) {
    const TokenTrie::Match match = node ? trie_.longest_match(*node, word) : TokenTrie::Match{};
    is_known = match.length > 0;
    ids.push_back(match.id);
    word.remove_prefix(match.length);
    node = continuation_;
  }
  if (!is_known) {
    ids.resize(start);
    ids.push_back(unknown_id_);
  }
}

}  // namespace kdqat::text
