#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kdqat::text {

/// Finds the longest token that a text starts with, in one pass over the token's bytes: a trie in a double
/// array (Aoe, "An Efficient Digital Search Algorithm by Using a Double-Array Structure", IEEE TSE 15(9),
/// 1989).
class TokenTrie {
 public:
  using Node = std::uint32_t;
  static constexpr Node kRoot = 0;

  struct Match {
    std::int32_t id = -1;
    std::size_t length = 0;  ///< bytes; 0 if there is none
  };

  /// Of distinct tokens, id = position. An empty token is never found.
  explicit TokenTrie(std::span<const std::string> tokens);

  /// The node that `prefix` leads to from the root; nothing if no token starts with it.
  std::optional<Node> find_node(std::string_view prefix) const;

  /// The longest token whose node lies on the way of `text` from `start`, which itself does not count.
  Match longest_match(Node start, std::string_view text) const {
    Match match;
    Node node = start;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const Node child = child_of(node, text[i]);
      if (units_[child].parent != node) break;
      node = child;
      if (units_[node].id >= 0) match = {.id = units_[node].id, .length = i + 1};
    }
    return match;
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
