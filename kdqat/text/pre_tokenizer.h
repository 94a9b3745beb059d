#pragma once

#include <cstddef>
#include <string_view>

namespace kdqat::text {

/// Second stage: cuts normalized text into words at spaces and around punctuation, each punctuation character
/// a word of its own, as Hugging Face's BertPreTokenizer does. Spaces are the only whitespace that the
/// normalizer leaves.
class PreTokenizer {
 public:
  /// `normalized` must be well-formed UTF-8 and outlive the words.
  explicit PreTokenizer(std::string_view normalized) : text_(normalized) {}

  /// The next word; empty behind the last.
  std::string_view next();

 private:
  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace kdqat::text
