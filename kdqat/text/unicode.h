#pragma once

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

/// Appends the UTF-8 form of a character.
void append_character(char32_t character, std::string& text);

// What Hugging Face's tokenizers (its crate unicode_categories) takes a character for: the general categories
// of Unicode 8, whatever the version of utf8proc. Characters that came later are none of these.

/// Control, format and private-use characters, U+0000 and U+FFFD, but not tab, newline and carriage return.
bool is_control(char32_t character);

/// Tab, newline, carriage return; space, line and paragraph separators.
bool is_whitespace(char32_t character);

/// Unicode's punctuation, and all ASCII characters that are no letter, digit, space or control character.
bool is_punctuation(char32_t character);

/// As is_punctuation, of an ASCII character.
constexpr bool is_ascii_punctuation(unsigned char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/// The marks that accents turn into when a letter is decomposed (category Mn).
bool is_nonspacing_mark(char32_t character);

/// An ideograph of the CJK blocks that BERT sets apart: not kana, Hangul or the extensions since Unicode 9.
bool is_cjk_ideograph(char32_t character);

}  // namespace kdqat::text
