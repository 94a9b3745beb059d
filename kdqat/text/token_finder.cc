#include "kdqat/text/token_finder.h"

#include <algorithm>
#include <numeric>

namespace kdqat::text {

TokenFinder::TokenFinder(const std::vector<std::string>& tokens) {
  std::vector<std::string> backwards;
  backwards.reserve(tokens.size());
  for (const std::string& token : tokens) {
    backwards.emplace_back(token.rbegin(), token.rend());
    lengths_.push_back(static_cast<std::uint32_t>(token.size()));
  }
  if (std::any_of(tokens.begin(), tokens.end(), [](const std::string& token) { return !token.empty(); })) {
    build(backwards);
  }
}

void TokenFinder::build(const std::vector<std::string>& tokens) {
  std::vector<std::uint32_t> sorted(tokens.size());
  std::iota(sorted.begin(), sorted.end(), 0U);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return tokens[a] < tokens[b]; });

  // The tokens sorted[first, last) begin with the bytes of a node.
  struct Group {
    std::size_t first;
    std::size_t last;
  };
  std::vector<Group> level = {{0, sorted.size()}};
  std::vector<Group> next_level;
  std::vector<Node> parent = {kRoot};
  byte_ = {0};
  for (std::size_t depth = 0; !level.empty(); ++depth) {
    next_level.clear();
    const auto level_begin = static_cast<Node>(parent.size() - level.size());
    for (std::size_t n = 0; n < level.size(); ++n) {
      auto [first, last] = level[n];
      const bool ends_here = first < last && tokens[sorted[first]].size() == depth;
      token_.push_back(ends_here && depth > 0 ? sorted[first] : kNone);
      while (first < last && tokens[sorted[first]].size() == depth) ++first;
      first_child_.push_back(static_cast<Node>(parent.size()));
      while (first < last) {
        const char byte = tokens[sorted[first]][depth];
        std::size_t end = first;
        while (end < last && tokens[sorted[end]][depth] == byte) ++end;
        parent.push_back(level_begin + static_cast<Node>(n));
        byte_.push_back(static_cast<unsigned char>(byte));
        next_level.push_back({first, end});
        first = end;
      }
    }
    level.swap(next_level);
  }
  first_child_.push_back(static_cast<Node>(parent.size()));
  for (Node child = first_child_[kRoot]; child < first_child_[kRoot + 1]; ++child) {
    root_children_[byte_[child]] = child;
  }
  fallback_.assign(parent.size(), kRoot);
  for (Node node = 1; node < parent.size(); ++node) {
    if (parent[node] != kRoot) fallback_[node] = next(fallback_[parent[node]], byte_[node]);
    if (token_[node] == kNone) token_[node] = token_[fallback_[node]];
  }
}

TokenFinder::Node TokenFinder::child_of(Node node, unsigned char byte) const {
  if (node == kRoot) return root_children_[byte];
  const auto first = byte_.begin() + first_child_[node];
  const auto last = byte_.begin() + first_child_[node + 1];
  const auto child = std::lower_bound(first, last, byte);
  return child != last && *child == byte ? static_cast<Node>(child - byte_.begin()) : kRoot;
}

/// Where `byte` leads to: on, or from the longest end of what was read from which it does.
TokenFinder::Node TokenFinder::next(Node node, unsigned char byte) const {
  while (true) {
    const Node child = child_of(node, byte);
    if (child != kRoot || node == kRoot) return child;
    node = fallback_[node];
  }
}

void TokenFinder::find(std::string_view text, std::vector<Found>& found) const {
  found.clear();
  if (empty()) return;
  Node node = kRoot;
  for (std::size_t begin = text.size(); begin > 0;) {
    const auto byte = static_cast<unsigned char>(text[--begin]);
    if (node == kRoot && root_children_[byte] == kRoot) continue;
    node = next(node, byte);
    const std::uint32_t token = token_[node];
    if (token != kNone) found.push_back({.number = token, .begin = begin, .end = begin + lengths_[token]});
  }
  // The last one found is the leftmost. Those that begin within another are not matches.
  std::reverse(found.begin(), found.end());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (kept == 0 || found[i].begin >= found[kept - 1].end) found[kept++] = found[i];
  }
  found.resize(kept);
}

}  // namespace kdqat::text
