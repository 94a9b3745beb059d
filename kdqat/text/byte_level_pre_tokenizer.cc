#include "kdqat/text/byte_level_pre_tokenizer.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "kdqat/text/byte_level.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

enum class Kind : unsigned char { kLetter, kNumber, kSpace, kOther };

Kind kind_of(char32_t character) {
  if (is_letter(character)) return Kind::kLetter;
  if (is_whitespace(character)) return Kind::kSpace;
  return is_number(character) ? Kind::kNumber : Kind::kOther;
}

constexpr std::array<Kind, 128> kAsciiKinds = [] {
  std::array<Kind, 128> kinds{};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const bool is_letter = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');
    const bool is_space = i == ' ' || (i >= '\t' && i <= '\r');
    const bool is_digit = i >= '0' && i <= '9';
    kinds[i] = is_letter ? Kind::kLetter : is_space ? Kind::kSpace : is_digit ? Kind::kNumber : Kind::kOther;
  }
  return kinds;
}();

/// The kind of the character at `position`, which moves behind it.
Kind next_kind(std::string_view text, std::size_t& position) {
  const auto byte = static_cast<unsigned char>(text[position]);
  if (byte >= kAsciiKinds.size()) return kind_of(next_character(text, position));
  ++position;
  return kAsciiKinds[byte];
}

/// The end of the characters of one kind that start at `position`.
std::size_t run_end(std::string_view text, std::size_t position, Kind kind) {
  while (position < text.size()) {
    std::size_t next = position;
    if (next_kind(text, next) != kind) break;
    position = next;
  }
  return position;
}

/// The length of 's, 't, 're, 've, 'm, 'll or 'd at the beginning; 0 if there is none of them.
std::size_t contraction_length(std::string_view text) {
  constexpr std::array kContractions =
      std::to_array<std::string_view>({"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"});
  for (const std::string_view contraction : kContractions) {
    if (text.starts_with(contraction)) return contraction.size();
  }
  return 0;
}

/// Puts a space before each word that does not begin with one.
void add_spaces(Words& words) {
  const auto lacks_space = [&](WordRange range) { return words.text.bytes[range.begin] != ' '; };
  if (std::none_of(words.ranges.begin(), words.ranges.end(), lacks_space)) return;
  AlignedText& output = words.spare_text;
  output.is_aligned = words.text.is_aligned;
  output.clear();
  for (WordRange& range : words.ranges) {
    const auto begin = static_cast<std::uint32_t>(output.bytes.size());
    if (lacks_space(range)) {
      output.bytes.push_back(' ');
      output.align(words.text.origin(range.begin));
    }
    output.append(words.text, range.begin, range.end);
    range = {.begin = begin, .end = static_cast<std::uint32_t>(output.bytes.size())};
  }
  words.text.swap(output);
}

/// Writes words in byte-level characters, each with the origin of its byte.
void write_byte_level(Words& words) {
  static constexpr std::array<char32_t, 256> kCharacters = byte_level_characters();
  AlignedText& output = words.spare_text;
  output.is_aligned = words.text.is_aligned;
  output.clear();
  for (WordRange& range : words.ranges) {
    const auto begin = static_cast<std::uint32_t>(output.bytes.size());
    for (std::size_t i = range.begin; i < range.end; ++i) {
      append_character(kCharacters[static_cast<unsigned char>(words.text.bytes[i])], output.bytes);
      output.align(words.text.origin(i));
    }
    range = {.begin = begin, .end = static_cast<std::uint32_t>(output.bytes.size())};
  }
  words.text.swap(output);
}

}  // namespace

std::size_t gpt2_word_end(std::string_view text, std::size_t position) {
  if (text[position] == '\'') {
    if (const std::size_t length = contraction_length(text.substr(position)); length > 0) {
      return position + length;
    }
  }
  std::size_t next = position;
  Kind kind = next_kind(text, next);
  if (kind != Kind::kSpace) return run_end(text, next, kind);
  // One space goes with the word behind it; of more whitespace, all but the last character is a word.
  if (text[position] == ' ' && next < text.size()) {
    std::size_t behind = next;
    kind = next_kind(text, behind);
    if (kind != Kind::kSpace) return run_end(text, behind, kind);
  }
  const std::size_t end = run_end(text, next, Kind::kSpace);
  if (end == text.size() || end == next) return end;
  return previous_character(text, end);
}

ByteLevelPreTokenizer::ByteLevelPreTokenizer(const base::JsonFields& fields, bool model_reads_bytes)
    : add_prefix_space_(fields.boolean_or("add_prefix_space", true)),
      use_regex_(fields.boolean_or("use_regex", true)),
      model_reads_bytes_(model_reads_bytes) {}

void ByteLevelPreTokenizer::cut(Words& words) const {
  if (add_prefix_space_) add_spaces(words);
  if (use_regex_) {
    words.spare_ranges.clear();
    for (const WordRange range : words.ranges) {
      const std::string_view text = std::string_view(words.text.bytes).substr(0, range.end);
      for (std::size_t begin = range.begin; begin < range.end;) {
        const std::size_t end = gpt2_word_end(text, begin);
        words.spare_ranges.push_back(
            {.begin = static_cast<std::uint32_t>(begin), .end = static_cast<std::uint32_t>(end)});
        begin = end;
      }
    }
    words.ranges.swap(words.spare_ranges);
  }
  if (!model_reads_bytes_) write_byte_level(words);
}

}  // namespace kdqat::text
