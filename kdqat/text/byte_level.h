#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kdqat::text {

/// How byte-level BPE (GPT-2, RoBERTa) writes bytes: each as a character that can be seen. Those of Latin-1
/// that can be are themselves ("a" is "a", 0xE9 is "é"); the others, in order, are U+0100, U+0101 ...: a
/// space (0x20) is "Ġ" (U+0120). Index = byte.
constexpr std::array<char32_t, 256> byte_level_characters() {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < characters.size(); ++byte) {
    const bool is_visible = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
    characters[byte] = is_visible ? byte : next++;
  }
  return characters;
}

/// The bytes that `text`, well-formed UTF-8, stands for; nothing if a character is none of these.
std::optional<std::string> bytes_of_byte_level(std::string_view text);

}  // namespace kdqat::text
