#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kdqat::text {

/// Position of the first byte that does not belong to well-formed UTF-8 (RFC 3629: nothing overlong, no
/// surrogates, at most U+10FFFF); nothing where all of `text` is well-formed.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// The character that starts at `text[position]`; moves `position` behind it. `text` must be well-formed
/// UTF-8 and `position` the start of a character.
char32_t next_character(std::string_view text, std::size_t& position);

/// The first byte of the character that ends before `position`, which is not 0.
constexpr std::size_t previous_character(std::string_view text, std::size_t position) {
  do --position;
  while ((static_cast<unsigned char>(text[position]) & 0xC0U) == 0x80U);
  return position;
}

/// The end of the extended grapheme cluster (UAX 29) that starts at `position`: of a letter and its marks.
std::size_t grapheme_end(std::string_view text, std::size_t position);

/// The number of bytes of the character that starts with this byte.
constexpr std::size_t character_length(char first_byte) {
  const auto byte = static_cast<unsigned char>(first_byte);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Appends the UTF-8 form of a character.
void append_character(char32_t character, std::string& text);

// What the parts of Hugging Face's tokenizers take a character for. Each part has Unicode's tables of another
// year; the results here are theirs, whatever the version of utf8proc (tests/text/unicode_test.cc compares
// all characters).

// As its crate unicode_categories: the general categories of Unicode 8. Characters that came later are none
// of these.

/// Control, format and private-use characters, U+0000 and U+FFFD, but not tab, newline and carriage return.
bool is_control(char32_t character);

/// Unicode's punctuation, and all ASCII characters that are no letter, digit, space or control character.
bool is_punctuation(char32_t character);

/// As is_punctuation, of an ASCII character.
constexpr bool is_ascii_punctuation(unsigned char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/// The marks that accents turn into when a letter is decomposed (category Mn).
bool is_nonspacing_mark(char32_t character);

// As Rust's standard library, its crate regex and Oniguruma: Unicode 16 and later.

/// Unicode's White_Space: tab to carriage return, U+0085 and the separators.
bool is_whitespace(char32_t character);

/// \p{L}: a letter.
bool is_letter(char32_t character);

/// \p{N}: a digit, a letter number or another number.
bool is_number(char32_t character);

/// \d: a decimal digit.
bool is_decimal_digit(char32_t character);

/// Numbers for the pre-tokenizer Digits: is_number and two newer ranges.
bool is_numeric(char32_t character);

/// \p{M}: a mark. (is_combining_mark is another part's.)
bool is_mark(char32_t character);

/// \w: letters, marks, decimal digits, letter numbers, connector punctuation, joiners.
bool is_word_character(char32_t character);

/// The small letter of a character; itself if it has none. Of U+0130, which has two ("i", U+0307), the first.
char32_t to_lower(char32_t character);

/// Appends the UTF-8 form of the small letter, both characters of U+0130's.
void append_lower_character(char32_t character, std::string& text);

// As its crate unicode-normalization-alignments: Unicode 9.

/// A mark: category Mn, Mc or Me.
bool is_combining_mark(char32_t character);

/// The order of marks behind a letter; 0 for what is not reordered.
int combining_class(char32_t character);

/// The characters that one decomposes to, canonically (NFD) or for compatibility too (NFKD), as far as it
/// goes: at most 18, those of U+FDFA. Marks are not sorted.
class Decomposition {
 public:
  Decomposition(char32_t character, bool is_compatible);

  const char32_t* begin() const { return parts_.data(); }
  const char32_t* end() const { return parts_.data() + size_; }

 private:
  std::array<char32_t, 32> parts_;
  std::size_t size_ = 1;
};

/// The one character that two compose to; nothing if there is none.
std::optional<char32_t> compose(char32_t first, char32_t second);

/// Whether NFD (or NFKD) leaves a character as it is and where it is.
bool is_decomposed(char32_t character, bool is_compatible);

/// Whether a character can be neither changed nor moved by NFC or NFKC, nor join the one before it. False for
/// a few that can't either.
bool is_inert(char32_t character, bool is_compatible);

/// An ideograph of the CJK blocks that BERT sets apart: not kana, Hangul or the extensions since Unicode 9.
bool is_cjk_ideograph(char32_t character);

}  // namespace kdqat::text
