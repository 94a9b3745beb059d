#include "kdqat/text/token_trie.h"

#include <algorithm>
#include <deque>

namespace kdqat::text {
namespace {

constexpr std::size_t kBytes = 256;

// So many units are tried before the search goes on behind all: else a vocabulary whose nodes have many
// children of no order, of which few fit into the gaps, would take time quadratic in its size.
constexpr std::uint32_t kMostCandidates = 4096;

// Most tokens differ within their first eight bytes, which compare as one number.
struct SortKey {
  std::uint64_t first_bytes;
  std::int32_t position;
};

std::uint64_t first_bytes(std::string_view token) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < sizeof(bytes); ++i) {
    bytes = bytes << 8U | (i < token.size() ? static_cast<unsigned char>(token[i]) : 0U);
  }
  return bytes;
}

}  // namespace

// The tokens sorted[first, last) share the `depth` bytes that lead to `node`.
struct TokenTrie::Pending {
  Node node;
  std::size_t first;
  std::size_t last;
  std::size_t depth;
};

std::vector<std::int32_t> sort_by_bytes(std::span<const std::string> tokens) {
  std::vector<SortKey> keys;
  keys.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    keys.push_back({.first_bytes = first_bytes(tokens[i]), .position = static_cast<std::int32_t>(i)});
  }
  std::sort(keys.begin(), keys.end(), [&](const SortKey& a, const SortKey& b) {
    if (a.first_bytes != b.first_bytes) return a.first_bytes < b.first_bytes;
    const int order =
        tokens[static_cast<std::size_t>(a.position)].compare(tokens[static_cast<std::size_t>(b.position)]);
    return order != 0 ? order < 0 : a.position < b.position;
  });
  std::vector<std::int32_t> sorted;
  sorted.reserve(keys.size());
  for (const SortKey& key : keys) sorted.push_back(key.position);
  return sorted;
}

TokenTrie::TokenTrie(std::span<const std::string> tokens, std::span<const std::int32_t> sorted)
    : units_(1 + kBytes) {
  const auto token = [&](std::size_t i) -> const std::string& {
    return tokens[static_cast<std::size_t>(sorted[i])];
  };

  // Level by level: the nodes of many children come first, those of one child fill the gaps. No recursion,
  // since a token may be longer than the stack is deep.
  std::deque<Pending> pending{{kRoot, 0, sorted.size(), 0}};
  std::string bytes;
  for (; !pending.empty(); pending.pop_front()) {
    auto [node, first, last, depth] = pending.front();
    while (first < last && token(first).size() == depth) {
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
  Node first_candidate = std::max<Node>(search_start_, offset(0) + 1U);
  std::size_t num_taken = 0;
  for (Node candidate = first_candidate;; ++candidate) {
    if (candidate - first_candidate == kMostCandidates) {
      search_start_ = first_candidate = candidate = static_cast<Node>(units_.size());
      num_taken = 0;
    }
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
