#include "kdqat/text/token_offsets.h"

#include <algorithm>

#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

constexpr char32_t kByteLevelSpace = 0x0120;  // "Ġ"

bool is_token_space(char32_t character) { return character == kByteLevelSpace || is_whitespace(character); }

std::int64_t count_leading_spaces(std::string_view token) {
  std::int64_t count = 0;
  for (std::size_t position = 0; position < token.size(); ++count) {
    if (!is_token_space(next_character(token, position))) break;
  }
  return count;
}

std::int64_t count_trailing_spaces(std::string_view token) {
  std::int64_t count = 0;
  for (std::size_t position = token.size(); position > 0; ++count) {
    position = previous_character(token, position);
    std::size_t next = position;
    if (!is_token_space(next_character(token, next))) break;
  }
  return count;
}

}  // namespace

TokenOffsets::TokenOffsets(std::string_view text) {
  characters_.reserve(text.size());
  std::uint32_t character = 0;
  for (std::size_t position = 0; position < text.size(); ++character) {
    position += character_length(text[position]);
    characters_.resize(position, character);
  }
}

void TokenOffsets::add(Span origin, std::string_view token) {
  Offsets offsets{.begin = origin.begin, .end = origin.end};
  if (origin.begin < characters_.size()) {
    offsets.begin = characters_[origin.begin];
    offsets.end =
        origin.end < characters_.size() ? characters_[origin.end] : characters_.back() + std::int64_t{1};
  }
  tokens_.push_back({.offsets = offsets,
                     .leading_spaces = count_leading_spaces(token),
                     .trailing_spaces = count_trailing_spaces(token)});
}

void TokenOffsets::append_to(std::vector<Offsets>& offsets, std::size_t count,
                             std::span<const PostProcessor::Trim> trims) const {
  for (std::size_t i = 0; i < count; ++i) {
    Token token = tokens_[i];
    Offsets& trimmed = token.offsets;
    for (const PostProcessor::Trim& trim : trims) {
      const bool is_first = i == 0 || trimmed.begin == 0;
      const bool was_put_there = is_first && trim.add_prefix_space && token.leading_spaces == 1;
      if (!was_put_there) trimmed.begin = std::min(trimmed.begin + token.leading_spaces, trimmed.end);
      if (trimmed.end >= token.trailing_spaces) {
        trimmed.end = std::max(trimmed.end - token.trailing_spaces, trimmed.begin);
      }
    }
    offsets.push_back(trimmed);
  }
}

}  // namespace kdqat::text
