#include "kdqat/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace kdqat::text {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Every mark, punctuation and format character that Unicode 9 to 18 added lies in one of these ranges, and
// none of Unicode 8 does.
constexpr std::array kNewerThanUnicode8 = std::to_array<Range>({
    {0x05C8, 0x05C9},   {0x061D, 0x061D},   {0x07FD, 0x07FD},   {0x0890, 0x08E2},   {0x09FD, 0x09FE},
    {0x0A76, 0x0A76},   {0x0AFA, 0x0AFF},   {0x0B53, 0x0B55},   {0x0C04, 0x0C3C},   {0x0C77, 0x0C77},
    {0x0C84, 0x0C84},   {0x0D00, 0x0D00},   {0x0D3B, 0x0D3C},   {0x0D81, 0x0D81},   {0x0EBA, 0x0EBA},
    {0x0ECE, 0x0ECE},   {0x180F, 0x1886},   {0x1ABF, 0x1AF0},   {0x1B4E, 0x1B4F},   {0x1B7D, 0x1B7F},
    {0x1DF6, 0x1DFB},   {0x2E43, 0x2E63},   {0xA82C, 0xA82C},   {0xA8C5, 0xA8C5},   {0xA8FF, 0xA8FF},
    {0xA9BD, 0xA9BD},   {0x10D24, 0x10F89}, {0x11070, 0x11074}, {0x110C2, 0x110CD}, {0x111CF, 0x111CF},
    {0x1123E, 0x11241}, {0x1133B, 0x1133B}, {0x113BB, 0x1145E}, {0x11660, 0x1166C}, {0x116B9, 0x116B9},
    {0x1182F, 0x11FFF}, {0x12FF1, 0x1612F}, {0x16D6D, 0x16F4F}, {0x16FE2, 0x16FE4}, {0x1CF00, 0x1D128},
    {0x1D25B, 0x1D25C}, {0x1E000, 0x1E6F5}, {0x1E944, 0x1E95F},
});

constexpr std::array kCjkIdeographs = std::to_array<Range>({
    {0x3400, 0x4DBF},
    {0x4E00, 0x9FFF},
    {0xF900, 0xFAFF},
    {0x20000, 0x2A6DF},
    {0x2A700, 0x2B81F},
    {0x2B920, 0x2CEAF},
    {0x2F800, 0x2FA1F},
});

template <std::size_t size>
bool contains(const std::array<Range, size>& ranges, char32_t character) {
  const auto range =
      std::partition_point(ranges.begin(), ranges.end(), [&](Range r) { return r.last < character; });
  return range != ranges.end() && range->first <= character;
}

/// The general category in Unicode 8. Later letters, numbers and symbols keep theirs, since nothing here asks
/// which of these a character is.
utf8proc_category_t category_of(char32_t character) {
  switch (character) {  // they changed their category since
    case 0x1734:
      return UTF8PROC_CATEGORY_MN;
    case 0x166D:
    case 0x111C9:
      return UTF8PROC_CATEGORY_PO;
    default:
      break;
  }
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(character));
  const bool is_letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
  return !is_letter && contains(kNewerThanUnicode8, character) ? UTF8PROC_CATEGORY_CN : category;
}

bool is_ascii(std::uint64_t eight_bytes) { return (eight_bytes & 0x8080808080808080U) == 0; }

const utf8proc_uint8_t* bytes_at(std::string_view text, std::size_t position) {
  return reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + position;
}

}  // namespace

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  std::size_t position = 0;
  while (position < text.size()) {
    std::uint64_t eight_bytes;
    if (text.size() - position >= sizeof(eight_bytes)) {
      std::memcpy(&eight_bytes, text.data() + position, sizeof(eight_bytes));
      if (is_ascii(eight_bytes)) {
        position += sizeof(eight_bytes);
        continue;
      }
    }
    utf8proc_int32_t character;
    const utf8proc_ssize_t length = utf8proc_iterate(
        bytes_at(text, position), static_cast<utf8proc_ssize_t>(text.size() - position), &character);
    if (length <= 0) return position;
    position += static_cast<std::size_t>(length);
  }
  return std::nullopt;
}

char32_t next_character(std::string_view text, std::size_t& position) {
  utf8proc_int32_t character;
  position += static_cast<std::size_t>(utf8proc_iterate(
      bytes_at(text, position), static_cast<utf8proc_ssize_t>(text.size() - position), &character));
  return static_cast<char32_t>(character);
}

void append_character(char32_t character, std::string& text) {
  std::array<utf8proc_uint8_t, 4> bytes;
  const utf8proc_ssize_t length =
      utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes.data());
  text.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(length));
}

bool is_control(char32_t character) {
  if (character == U'\t' || character == U'\n' || character == U'\r') return false;
  if (character == 0xFFFD) return true;
  switch (category_of(character)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
      return true;
    default:
      return false;
  }
}

bool is_whitespace(char32_t character) {
  if (character == U'\t' || character == U'\n' || character == U'\r') return true;
  const utf8proc_category_t category = category_of(character);
  return category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
}

bool is_punctuation(char32_t character) {
  if (character < 0x80) return is_ascii_punctuation(static_cast<unsigned char>(character));
  const utf8proc_category_t category = category_of(character);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool is_nonspacing_mark(char32_t character) { return category_of(character) == UTF8PROC_CATEGORY_MN; }

bool is_cjk_ideograph(char32_t character) {
  return character >= kCjkIdeographs.front().first && contains(kCjkIdeographs, character);
}

}  // namespace kdqat::text
