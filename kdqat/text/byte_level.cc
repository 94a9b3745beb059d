#include "kdqat/text/byte_level.h"

#include <cstdint>

#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

constexpr std::size_t kNumCharacters = 0x144;  // behind the last one, that of byte 0xAD
constexpr std::int16_t kNoByte = -1;

constexpr std::array<std::int16_t, kNumCharacters> bytes_of_characters() {
  std::array<std::int16_t, kNumCharacters> bytes{};
  bytes.fill(kNoByte);
  constexpr auto kCharacters = byte_level_characters();
  for (std::size_t byte = 0; byte < kCharacters.size(); ++byte) {
    bytes[kCharacters[byte]] = static_cast<std::int16_t>(byte);
  }
  return bytes;
}

}  // namespace

std::optional<std::string> bytes_of_byte_level(std::string_view text) {
  static constexpr auto kBytes = bytes_of_characters();
  std::string bytes;
  for (std::size_t position = 0; position < text.size();) {
    const char32_t character = next_character(text, position);
    if (character >= kBytes.size() || kBytes[character] == kNoByte) return std::nullopt;
    bytes.push_back(static_cast<char>(kBytes[character]));
  }
  return bytes;
}

}  // namespace kdqat::text
