#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/base/json.h"
#include "kdqat/text/pattern.h"
#include "kdqat/text/pre_tokenizer.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {

/// What becomes of the matches that a text is cut at: "the-final--countdown" at "-" is
enum class SplitBehavior {
  kRemoved,             ///< the final countdown
  kIsolated,            ///< the - final - - countdown
  kMergedWithPrevious,  ///< the- final- - countdown
  kMergedWithNext,      ///< the -final - -countdown
  kContiguous,          ///< the - final -- countdown
};

/// The field `name`, as tokenizer.json writes it: "Removed", "MergedWithNext" ... Throws FormatError.
SplitBehavior read_behavior(const base::JsonFields& fields, std::string_view name, SplitBehavior fallback);

/// Collects the words that one range is cut into, from matches and what lies between them, in order.
class RangeSplitter {
 public:
  RangeSplitter(SplitBehavior behavior, std::vector<WordRange>& words)
      : behavior_(behavior), words_(words), first_(words.size()) {}

  void add(std::size_t begin, std::size_t end, bool is_match);
  void finish();

 private:
  void push(std::size_t begin, std::size_t end) {
    words_.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
  }

  SplitBehavior behavior_;
  std::vector<WordRange>& words_;
  std::size_t first_;
  bool follows_match_ = false;
  std::optional<WordRange> waiting_;  // a match that may join what follows
};

/// Cuts every word at the matches that find(text, from) gives; where it `inverts`, at what lies between them.
template <typename Find>
void split_words(Words& words, SplitBehavior behavior, bool inverts, const Find& find) {
  words.spare_ranges.clear();
  for (const WordRange range : words.ranges) {
    const std::string_view text = std::string_view(words.text.bytes).substr(0, range.end);
    RangeSplitter splitter(behavior, words.spare_ranges);
    std::size_t done = range.begin;
    while (done < range.end) {
      const std::optional<Match> match = find(text.substr(range.begin), done - range.begin);
      const std::size_t begin = match ? match->begin + range.begin : range.end;
      if (begin > done) splitter.add(done, begin, inverts);
      if (!match) break;
      done = match->end + range.begin;
      splitter.add(begin, done, !inverts);
    }
    splitter.finish();
  }
  words.ranges.swap(words.spare_ranges);
}

/// The first character of a class, as a match.
template <typename IsInClass>
std::optional<Match> find_character(std::string_view text, std::size_t from, const IsInClass& is_in_class) {
  for (std::size_t position = from; position < text.size();) {
    const std::size_t begin = position;
    if (is_in_class(next_character(text, position))) return Match{.begin = begin, .end = position};
  }
  return std::nullopt;
}

}  // namespace kdqat::text
