#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <string_view>

namespace kdqat::text {

/// Bytes of the character that begins with `lead`, of well-formed UTF-8: 1 to 4.
constexpr std::size_t character_length(char lead) {
  const int ones = std::countl_one(static_cast<unsigned char>(lead));
  return ones == 0 ? 1 : static_cast<std::size_t>(ones);
}

/// Characters of well-formed UTF-8.
constexpr std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // not a continuation byte
  }));
}

}  // namespace kdqat::text
