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

// What Unicode 15 and 16 added, which utf8proc may not know yet.
constexpr std::array kLettersSinceUnicode15 = std::to_array<Range>({
    {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3}, {0x10D4A, 0x10D65},
    {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x1123F, 0x11240}, {0x11380, 0x11389}, {0x1138B, 0x1138B},
    {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113B7}, {0x113D1, 0x113D1}, {0x113D3, 0x113D3},
    {0x11BC0, 0x11BE0}, {0x11F02, 0x11F02}, {0x11F04, 0x11F10}, {0x11F12, 0x11F33}, {0x1342F, 0x1342F},
    {0x13441, 0x13446}, {0x13460, 0x143FA}, {0x16100, 0x1611D}, {0x16D40, 0x16D6C}, {0x18CFF, 0x18CFF},
    {0x1B132, 0x1B132}, {0x1B155, 0x1B155}, {0x1DF25, 0x1DF2A}, {0x1E030, 0x1E06D}, {0x1E4D0, 0x1E4EB},
    {0x1E5D0, 0x1E5ED}, {0x1E5F0, 0x1E5F0}, {0x2B739, 0x2B739}, {0x2EBF0, 0x2EE5D}, {0x31350, 0x323AF},
});
constexpr std::array kDigitsSinceUnicode15 = std::to_array<Range>({
    {0x10D40, 0x10D49},
    {0x116D0, 0x116E3},
    {0x11BF0, 0x11BF9},
    {0x11F50, 0x11F59},
    {0x16130, 0x16139},
    {0x16D70, 0x16D79},
    {0x1CCF0, 0x1CCF9},
    {0x1E4F0, 0x1E4F9},
    {0x1E5F1, 0x1E5FA},
});
constexpr std::array kMarksSinceUnicode15 = std::to_array<Range>({
    {0x0897, 0x0897},   {0x0CF3, 0x0CF3},   {0x0ECE, 0x0ECE},   {0x10D69, 0x10D6D}, {0x10EFC, 0x10EFF},
    {0x11241, 0x11241}, {0x113B8, 0x113C0}, {0x113C2, 0x113C2}, {0x113C5, 0x113C5}, {0x113C7, 0x113CA},
    {0x113CC, 0x113D0}, {0x113D2, 0x113D2}, {0x113E1, 0x113E2}, {0x11F00, 0x11F01}, {0x11F03, 0x11F03},
    {0x11F34, 0x11F3A}, {0x11F3E, 0x11F42}, {0x11F5A, 0x11F5A}, {0x13440, 0x13440}, {0x13447, 0x13455},
    {0x1611E, 0x1612F}, {0x1E08F, 0x1E08F}, {0x1E4EC, 0x1E4EF}, {0x1E5EE, 0x1E5EF},
});

// Symbols that count as letters (Other_Alphabetic), and the two joiners: parts of \w besides the categories.
constexpr std::array kOtherWordCharacters = std::to_array<Range>({
    {0x200C, 0x200D},
    {0x24B6, 0x24E9},
    {0x1F130, 0x1F149},
    {0x1F150, 0x1F169},
    {0x1F170, 0x1F189},
});

// Every mark that Unicode 10 to 14 added.
constexpr std::array kMarksSinceUnicode10 = std::to_array<Range>({
    {0x07FD, 0x07FD},   {0x0898, 0x089F},   {0x08CA, 0x08D3},   {0x09FE, 0x09FE},   {0x0AFA, 0x0AFF},
    {0x0B55, 0x0B55},   {0x0C04, 0x0C04},   {0x0C3C, 0x0C3C},   {0x0D00, 0x0D00},   {0x0D3B, 0x0D3C},
    {0x0D81, 0x0D81},   {0x0EBA, 0x0EBA},   {0x1715, 0x1715},   {0x180F, 0x180F},   {0x1ABF, 0x1ACE},
    {0x1CF7, 0x1CF7},   {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0xA8FF, 0xA8FF},   {0x10D24, 0x10D27},
    {0x10EAB, 0x10EAC}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x11073, 0x11074},
    {0x110C2, 0x110C2}, {0x11145, 0x11146}, {0x111C9, 0x111C9}, {0x111CE, 0x111CF}, {0x1133B, 0x1133B},
    {0x1145E, 0x1145E}, {0x1182C, 0x1183A}, {0x11930, 0x11943}, {0x119D1, 0x119E4}, {0x11A01, 0x11A0A},
    {0x11A33, 0x11A39}, {0x11A3B, 0x11A3E}, {0x11A47, 0x11A47}, {0x11A51, 0x11A5B}, {0x11A8A, 0x11A99},
    {0x11D31, 0x11D45}, {0x11D47, 0x11D47}, {0x11D8A, 0x11D97}, {0x11EF3, 0x11EF6}, {0x16F4F, 0x16F4F},
    {0x16F7F, 0x16F87}, {0x16FE4, 0x16FE4}, {0x16FF0, 0x16FF1}, {0x1CF00, 0x1CF46}, {0x1E130, 0x1E136},
    {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF},
});

// Every character with a decomposition that Unicode 10 to 17 added.
constexpr std::array kDecompositionsSinceUnicode10 = std::to_array<Range>({
    {0x32FF, 0x32FF},
    {0xA7F1, 0xA7F4},
    {0xAB69, 0xAB69},
    {0x105C9, 0x105C9},
    {0x105E4, 0x105E4},
    {0x10781, 0x107BA},
    {0x11383, 0x11391},
    {0x113C5, 0x113C8},
    {0x11938, 0x11938},
    {0x16121, 0x16128},
    {0x16D68, 0x16D6A},
    {0x1CCD6, 0x1CCF9},
    {0x1E030, 0x1E06D},
    {0x1F16C, 0x1F16C},
    {0x1FBF0, 0x1FBF9},
});

// Letters with a small form that Unicode 15 to 17 added: each of a range has its small letter `step` behind.
struct LowerRange {
  char32_t first;
  char32_t last;
  char32_t step;
};
constexpr std::array kLowerSinceUnicode15 = std::to_array<LowerRange>({
    {0x1C89, 0x1C89, 1},
    {0xA7CC, 0xA7CC, 1},
    {0xA7CE, 0xA7CE, 1},
    {0xA7D2, 0xA7D2, 1},
    {0xA7D4, 0xA7D4, 1},
    {0xA7DA, 0xA7DA, 1},
    {0x10D50, 0x10D65, 0x20},
    {0x16EA0, 0x16EB8, 0x1B},
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

utf8proc_category_t current_category_of(char32_t character) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(character));
}

const utf8proc_property_t& property_of(char32_t character) {
  return *utf8proc_get_property(static_cast<utf8proc_int32_t>(character));
}

constexpr std::uint16_t kNoIndex = UINT16_MAX;  // of a property: there is none

bool is_hangul_syllable(char32_t character) { return character >= 0xAC00 && character <= 0xD7A3; }

bool is_hangul_jamo(char32_t character) { return character >= 0x1100 && character <= 0x11FF; }

/// Marks that utf8proc may not know yet, those of Unicode 17 among them.
bool is_newer_mark(char32_t character) {
  return contains(kMarksSinceUnicode15, character) || (character >= 0x1ACF && character <= 0x1AEB);
}

/// Control characters, which no mark joins.
bool starts_no_grapheme(char32_t character) {
  const auto boundary = property_of(character).boundclass;
  return boundary == UTF8PROC_BOUNDCLASS_CR || boundary == UTF8PROC_BOUNDCLASS_LF ||
         boundary == UTF8PROC_BOUNDCLASS_CONTROL;
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

std::size_t grapheme_end(std::string_view text, std::size_t position) {
  char32_t before = next_character(text, position);
  utf8proc_int32_t state = 0;
  for (std::size_t end = position; end < text.size(); position = end) {
    const char32_t character = next_character(text, end);
    const bool is_break = utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(before),
                                                           static_cast<utf8proc_int32_t>(character), &state);
    if (is_break && !(is_newer_mark(character) && !starts_no_grapheme(before))) break;
    before = character;
  }
  return position;
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

bool is_punctuation(char32_t character) {
  if (character < 0x80) return is_ascii_punctuation(static_cast<unsigned char>(character));
  const utf8proc_category_t category = category_of(character);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool is_nonspacing_mark(char32_t character) { return category_of(character) == UTF8PROC_CATEGORY_MN; }

bool is_whitespace(char32_t character) {
  if (character < 0x80) return character == U' ' || (character >= U'\t' && character <= U'\r');
  if (character == 0x85) return true;
  const utf8proc_category_t category = current_category_of(character);
  return category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
}

bool is_letter(char32_t character) {
  const utf8proc_category_t category = current_category_of(character);
  if (category == UTF8PROC_CATEGORY_CN) return contains(kLettersSinceUnicode15, character);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool is_number(char32_t character) {
  const utf8proc_category_t category = current_category_of(character);
  if (category != UTF8PROC_CATEGORY_CN) {
    return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
  }
  return contains(kDigitsSinceUnicode15, character) || (character >= 0x1D2C0 && character <= 0x1D2D3);
}

bool is_decimal_digit(char32_t character) {
  const utf8proc_category_t category = current_category_of(character);
  return category == UTF8PROC_CATEGORY_ND ||
         (category == UTF8PROC_CATEGORY_CN && contains(kDigitsSinceUnicode15, character));
}

bool is_numeric(char32_t character) {
  return is_number(character) || (character >= 0x11DE0 && character <= 0x11DE9) ||
         (character >= 0x16FF4 && character <= 0x16FF6);
}

bool is_mark(char32_t character) {
  const utf8proc_category_t category = current_category_of(character);
  if (category == UTF8PROC_CATEGORY_CN) return contains(kMarksSinceUnicode15, character);
  return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

bool is_word_character(char32_t character) {
  switch (const utf8proc_category_t category = current_category_of(character)) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    case UTF8PROC_CATEGORY_CN:
      return contains(kLettersSinceUnicode15, character) || contains(kDigitsSinceUnicode15, character) ||
             contains(kMarksSinceUnicode15, character);
    case UTF8PROC_CATEGORY_SO:
    case UTF8PROC_CATEGORY_CF:
      return contains(kOtherWordCharacters, character);
    default:
      return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ME;
  }
}

char32_t to_lower(char32_t character) {
  const auto lower = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character)));
  if (lower != character || character < kLowerSinceUnicode15.front().first) return lower;
  if (character == 0xA7CB) return 0x0264;
  if (character == 0xA7DC) return 0x019B;
  for (const LowerRange& range : kLowerSinceUnicode15) {
    if (character >= range.first && character <= range.last) return character + range.step;
  }
  return character;
}

void append_lower_character(char32_t character, std::string& text) {
  append_character(to_lower(character), text);
  if (character == 0x0130) append_character(0x0307, text);
}

bool is_combining_mark(char32_t character) {
  if (character == 0x1CF2 || character == 0x1CF3) return true;  // letters since Unicode 12
  return is_mark(character) && !contains(kMarksSinceUnicode10, character) &&
         !contains(kMarksSinceUnicode15, character);
}

int combining_class(char32_t character) {
  const int combining_class = property_of(character).combining_class;
  return combining_class != 0 && is_combining_mark(character) ? combining_class : 0;
}

Decomposition::Decomposition(char32_t character, bool is_compatible) {
  parts_[0] = character;
  if (character < 0xA0 || contains(kDecompositionsSinceUnicode10, character)) return;
  std::array<utf8proc_int32_t, std::tuple_size_v<decltype(parts_)>> parts;
  int last_boundary_class = UTF8PROC_BOUNDCLASS_START;
  const utf8proc_ssize_t count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(character), parts.data(), parts.size(),
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (is_compatible ? UTF8PROC_COMPAT : 0)),
      &last_boundary_class);
  size_ = static_cast<std::size_t>(count);
  std::copy_n(parts.begin(), count, parts_.begin());
}

std::optional<char32_t> compose(char32_t first, char32_t second) {
  std::array<utf8proc_int32_t, 2> pair = {static_cast<utf8proc_int32_t>(first),
                                          static_cast<utf8proc_int32_t>(second)};
  if (utf8proc_normalize_utf32(pair.data(), 2,
                               static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE)) != 1) {
    return std::nullopt;
  }
  const auto composed = static_cast<char32_t>(pair[0]);
  if (contains(kDecompositionsSinceUnicode10, composed)) return std::nullopt;
  return composed;
}

bool is_decomposed(char32_t character, bool is_compatible) {
  if (character < 0xA0) return true;
  if (is_hangul_syllable(character)) return false;
  const utf8proc_property_t& property = property_of(character);
  return property.combining_class == 0 &&
         (property.decomp_seqindex == kNoIndex || (!is_compatible && property.decomp_type != 0));
}

bool is_inert(char32_t character, bool is_compatible) {
  if (character < 0xA0 || is_hangul_syllable(character)) return true;
  return !is_hangul_jamo(character) && property_of(character).comb_index == kNoIndex &&
         is_decomposed(character, is_compatible);
}

bool is_cjk_ideograph(char32_t character) {
  return character >= kCjkIdeographs.front().first && contains(kCjkIdeographs, character);
}

}  // namespace kdqat::text
