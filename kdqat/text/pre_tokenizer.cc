#include "kdqat/text/pre_tokenizer.h"

#include <array>

#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

constexpr std::array<bool, 128> kIsAsciiPunctuation = [] {
  std::array<bool, 128> is_punctuation{};
  for (std::size_t c = 0; c < is_punctuation.size(); ++c) {
    is_punctuation[c] = is_ascii_punctuation(static_cast<unsigned char>(c));
  }
  return is_punctuation;
}();

}  // namespace

std::string_view PreTokenizer::next() {
  while (position_ < text_.size() && text_[position_] == ' ') ++position_;
  const std::size_t start = position_;
  while (position_ < text_.size() && text_[position_] != ' ') {
    const auto byte = static_cast<unsigned char>(text_[position_]);
    std::size_t end = position_ + 1;
    bool ends_word = false;
    if (byte < kIsAsciiPunctuation.size()) {
      ends_word = kIsAsciiPunctuation[byte];
    } else {
      end = position_;
      ends_word = is_punctuation(next_character(text_, end));
    }
    if (ends_word) {
      if (position_ == start) position_ = end;  // punctuation is a word itself
      break;
    }
    position_ = end;
  }
  return text_.substr(start, position_ - start);
}

}  // namespace kdqat::text
