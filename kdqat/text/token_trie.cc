#include "kdqat/text/token_trie.h"

#include <algorithm>
#include <deque>
#include <numeric>

namespace kdqat::text {
namespace {

constexpr std::size_t kBytes = 256;

}  // namespace

// The tokens sorted[first, last) share the `depth` bytes that lead to `node`.
struct TokenTrie::Pending {
  Node node;
  std::size_t first;
  std::size_t last;
  std::size_t depth;
};

TokenTrie::TokenTrie(std::span<const std::string> tokens) : units_(1 + kBytes) {
  std::vector<std::int32_t> sorted(tokens.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  const auto token = [&](std::size_t i) -> const std::string& {
    return tokens[static_cast<std::size_t>(sorted[i])];
  };
  std::sort(sorted.begin(), sorted.end(), [&](std::int32_t a, std::int32_t b) {
    return tokens[static_cast<std::size_t>(a)] < tokens[static_cast<std::size_t>(b)];
  });

  // Level by level: the nodes of many children come first, those of one child fill the gaps. No recursion,
  // since a token may be longer than the stack is deep.
  std::deque<Pending> pending{{kRoot, 0, sorted.size(), 0}};
  std::string bytes;
  for (; !pending.empty(); pending.pop_front()) {
    auto [node, first, last, depth] = pending.front();
    if (first < last && token(first).size() == depth) {
      if (node != kRoot) units_[node].id = sorted[first];
      ++first;
    }
    bytes.clear();
    for (std::size_t i = first; i < last; ++i) {
      if (i == first || token(i)[depth] != token(i - 1)[depth]) bytes.push_back(token(i)[depth]);
    }
    if (bytes.empty()) continue;
    units_[node].base = find_base(bytes);
    for (const char byte : bytes) {
      const Node child = child_of(node, byte);
      units_[child].parent = node;
      std::size_t end = first;
      while (end < last && token(end)[depth] == byte) ++end;
      pending.push_back({child, first, end, depth + 1});
      first = end;
    }
  }
}

/// A base at which the units of all `bytes`, which ascend, are free.
std::uint32_t TokenTrie::find_base(std::string_view bytes) {
  const auto offset = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const Node first_candidate = std::max<Node>(search_start_, offset(0) + 1U);
  std::size_t num_taken = 0;
  for (Node candidate = first_candidate;; ++candidate) {
    // A unit for every byte that may follow a base: looking up a child needs no check of bounds.
    if (units_.size() < candidate + kBytes) units_.resize(candidate + kBytes);
    const std::uint32_t base = candidate - offset(0);
    std::size_t num_free = 0;
    while (num_free < bytes.size() && units_[base + offset(num_free)].parent == kFree) ++num_free;
    if (num_free == bytes.size()) {
      // Where nine of ten units are taken, later searches need not pass again.
      if (10 * num_taken >= 9 * std::size_t{candidate - first_candidate}) search_start_ = candidate;
      return base;
    }
    if (num_free == 0) ++num_taken;
  }
}

std::optional<TokenTrie::Node> TokenTrie::find_node(std::string_view prefix) const {
  Node node = kRoot;
  for (const char byte : prefix) {
    const Node child = child_of(node, byte);
    if (units_[child].parent != node) return std::nullopt;
    node = child;
  }
  return node;
}

}  // namespace kdqat::text
