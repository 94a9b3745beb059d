#include "kdqat/text/splitting.h"

#include <array>
#include <utility>

namespace kdqat::text {
namespace {

constexpr std::array kBehaviors = std::to_array<std::pair<std::string_view, SplitBehavior>>({
    {"Removed", SplitBehavior::kRemoved},
    {"Isolated", SplitBehavior::kIsolated},
    {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
    {"MergedWithNext", SplitBehavior::kMergedWithNext},
    {"Contiguous", SplitBehavior::kContiguous},
});

}  // namespace

SplitBehavior read_behavior(const base::JsonFields& fields, std::string_view name, SplitBehavior fallback) {
  if (fields.find(name) == nullptr) return fallback;
  const std::string behavior = fields.string_or(name, "");
  for (const auto& [text, value] : kBehaviors) {
    if (behavior == text) return value;
  }
  fields.fail(name, "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

void RangeSplitter::add(std::size_t begin, std::size_t end, bool is_match) {
  const bool has_previous = words_.size() > first_;
  bool joins_previous = false;
  switch (behavior_) {
    case SplitBehavior::kRemoved:
      if (!is_match) push(begin, end);
      return;
    case SplitBehavior::kIsolated:
      push(begin, end);
      return;
    case SplitBehavior::kContiguous:
      joins_previous = is_match == follows_match_;
      break;
    case SplitBehavior::kMergedWithPrevious:
      joins_previous = is_match && !follows_match_;
      break;
    case SplitBehavior::kMergedWithNext:
      if (is_match) {
        finish();
        waiting_ = WordRange{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
      } else {
        push(waiting_ ? waiting_->begin : begin, end);
        waiting_.reset();
      }
      return;
  }
  if (joins_previous && has_previous) {
    words_.back().end = static_cast<std::uint32_t>(end);
  } else {
    push(begin, end);
  }
  follows_match_ = is_match;
}

void RangeSplitter::finish() {
  if (waiting_) words_.push_back(*waiting_);
  waiting_.reset();
}

}  // namespace kdqat::text
