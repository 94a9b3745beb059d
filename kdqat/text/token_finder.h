#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kdqat::text {

/// Finds given tokens in texts: the leftmost, of several at one place the longest, then on behind it.
///
///   const TokenFinder finder({"ab", "abc", "c"});
///   finder.find("xabcc", matches);  // {number 1, [1, 4)}, {number 2, [4, 5)}
///
/// An automaton (Aho and Corasick, "Efficient string matching", CACM 18(6), 1975) of the tokens written
/// backwards reads the text from its end, and so knows at each place the longest token that begins there.
/// Time is linear in the text, whatever the tokens; building is linear in the tokens but for sorting them.
class TokenFinder {
 public:
  struct Found {
    std::size_t number;  ///< of the token, in the order given
    std::size_t begin;
    std::size_t end;
  };

  /// Finds nothing.
  TokenFinder() = default;

  /// Of two equal tokens the first is found; an empty one never.
  explicit TokenFinder(const std::vector<std::string>& tokens);

  bool empty() const { return first_child_.empty(); }

  /// Puts the matches, from left to right, in place of what `found` holds.
  void find(std::string_view text, std::vector<Found>& found) const;

 private:
  using Node = std::uint32_t;
  static constexpr Node kRoot = 0;
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  Node child_of(Node node, unsigned char byte) const;  // kRoot if there is none
  Node next(Node node, unsigned char byte) const;
  void build(const std::vector<std::string>& tokens);

  // Nodes are numbered level by level, so the children of one are in a row: those of node n are
  // [first_child_[n], first_child_[n + 1]), sorted by byte.
  std::vector<Node> first_child_;
  std::vector<unsigned char> byte_;
  std::vector<Node> fallback_;          // the longest other node that the bytes of this one end with
  std::vector<std::uint32_t> token_;    // the longest token that the bytes end with: its number or kNone
  std::vector<std::uint32_t> lengths_;  // of the tokens
  std::array<Node, 256> root_children_ = {};  // kRoot if there is none
};

}  // namespace kdqat::text
