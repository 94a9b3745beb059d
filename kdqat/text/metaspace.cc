#include "kdqat/text/metaspace.h"

#include <optional>
#include <string_view>

#include "kdqat/text/splitting.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {

Metaspace::Metaspace(const base::JsonFields& fields)
    : replacement_(fields.string_or("replacement", "\u2581")), splits_(fields.boolean_or("split", true)) {
  if (replacement_.empty() || character_length(replacement_[0]) != replacement_.size()) {
    fields.fail("replacement", "one character");
  }
  const std::string scheme = fields.string_or("prepend_scheme", "always");
  if (scheme == "always") {
    scheme_ = PrependScheme::kAlways;
  } else if (scheme == "first") {
    scheme_ = PrependScheme::kFirst;
  } else if (scheme == "never") {
    scheme_ = PrependScheme::kNever;
  } else {
    fields.fail("prepend_scheme", "always, first or never");
  }
  if (!fields.boolean_or("add_prefix_space", true)) {
    if (fields.find("prepend_scheme") != nullptr && scheme_ != PrependScheme::kNever) {
      fields.fail("add_prefix_space", "true, or the prepend_scheme never");
    }
    scheme_ = PrependScheme::kNever;
  }
}

void Metaspace::cut(Words& words) const {
  AlignedText& output = words.spare_text;
  output.is_aligned = words.text.is_aligned;
  output.clear();
  for (WordRange& range : words.ranges) {
    const auto begin = static_cast<std::uint32_t>(output.bytes.size());
    append_word(words.text, range, output);
    range = {.begin = begin, .end = static_cast<std::uint32_t>(output.bytes.size())};
  }
  words.text.swap(output);
  if (!splits_) return;
  split_words(words, SplitBehavior::kMergedWithNext, /*inverts=*/false,
              [this](std::string_view text, std::size_t from) -> std::optional<Match> {
                const std::size_t position = text.find(replacement_, from);
                if (position == std::string_view::npos) return std::nullopt;
                return Match{.begin = position, .end = position + replacement_.size()};
              });
}

void Metaspace::append_word(const AlignedText& text, WordRange range, AlignedText& output) const {
  const std::string_view word = std::string_view(text.bytes).substr(0, range.end);
  const bool is_first = scheme_ == PrependScheme::kFirst && text.origin(range.begin).begin == 0;
  if ((scheme_ == PrependScheme::kAlways || is_first) && word[range.begin] != ' ' &&
      !word.substr(range.begin).starts_with(replacement_)) {
    output.bytes += replacement_;
    output.align(text.origin(range.begin));
  }
  for (std::size_t position = range.begin; position < range.end;) {
    const std::size_t space = std::min<std::size_t>(word.find(' ', position), range.end);
    output.append(text, position, space);
    position = space;
    if (position == range.end) break;
    output.bytes += replacement_;
    output.align(text.origin(position));
    ++position;
  }
}

}  // namespace kdqat::text
