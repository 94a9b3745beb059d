#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kdqat::text {

/// The positions of `tokens`, ordered by the tokens' bytes, equal ones by position.
std::vector<std::int32_t> sort_by_bytes(std::span<const std::string> tokens);

/// Finds the tokens that a text starts with, in one pass over their bytes: a trie in a double array (Aoe, "An
/// Efficient Digital Search Algorithm by Using a Double-Array Structure", IEEE TSE 15(9), 1989).
class TokenTrie {
 public:
  using Node = std::uint32_t;
  static constexpr Node kRoot = 0;

  struct Match {
    std::int32_t id = -1;
    std::size_t length = 0;  ///< bytes; 0 if there is none
  };

  /// Of tokens with id = position. A token that occurs twice has its last id; an empty token is never found.
  explicit TokenTrie(std::span<const std::string> tokens) : TokenTrie(tokens, sort_by_bytes(tokens)) {}

  /// The same of the tokens at the positions `sorted` alone, which are ordered as sort_by_bytes does.
  TokenTrie(std::span<const std::string> tokens, std::span<const std::int32_t> sorted);

  /// The node that `prefix` leads to from the root; nothing if no token starts with it.
  std::optional<Node> find_node(std::string_view prefix) const;

  /// The id of `token`; -1 if there is none.
  std::int32_t find(std::string_view token) const {
    const std::optional<Node> node = find_node(token);
    return node ? units_[*node].id : -1;
  }

  /// Calls take(Match) for each token whose node lies on the way of `text` from `start`, which itself does
  /// not count; the shortest token first.
  template <typename Take>
  void for_each_match(Node start, std::string_view text, Take&& take) const {
    Node node = start;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const Node child = child_of(node, text[i]);
      if (units_[child].parent != node) break;
      node = child;
      if (units_[node].id >= 0) take(Match{.id = units_[node].id, .length = i + 1});
    }
  }

  /// The last and longest of these.
  Match longest_match(Node start, std::string_view text) const {
    Match longest;
    for_each_match(start, text, [&](const Match& match) { longest = match; });
    return longest;
  }

 private:
  struct Unit {
    std::uint32_t base = 0;  // child c of this node is at base + c, if that unit's parent is this node
    Node parent = kFree;
    std::int32_t id = -1;
  };
  struct Pending;
  static constexpr Node kFree = 0xFFFFFFFF;

  Node child_of(Node node, char byte) const { return units_[node].base + static_cast<unsigned char>(byte); }
  std::uint32_t find_base(std::string_view bytes);

  std::vector<Unit> units_;
  Node search_start_ = 1;  // where find_base begins
};

}  // namespace kdqat::text
