#include "kdqat/text/normalizer.h"

#include <utf8proc.h>

#include <cstddef>

#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

constexpr char32_t kCapitalIWithDot = 0x0130;
// The longest decomposition of a character; NFD's has four.
constexpr std::size_t kMaxDecomposition = 8;

}  // namespace

Normalizer::Normalizer(const NormalizerConfig& config)
    : lower_case_(config.do_lower_case),
      strip_accents_(config.strip_accents.value_or(config.do_lower_case)),
      separate_cjk_(config.tokenize_chinese_chars) {
  for (std::size_t i = 0; i < ascii_.size(); ++i) {
    const auto c = static_cast<unsigned char>(i);
    if (is_control(c)) {
      ascii_[c] = 0;
    } else if (is_whitespace(c)) {
      ascii_[c] = ' ';
    } else {
      ascii_[c] = static_cast<char>(lower_case_ && c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
  }
}

void Normalizer::normalize(std::string_view text, std::string& normalized) const {
  normalized.clear();
  normalized.reserve(text.size());
  std::size_t position = 0;
  while (position < text.size()) {
    const auto byte = static_cast<unsigned char>(text[position]);
    if (byte < ascii_.size()) {
      if (const char c = ascii_[byte]; c != 0) normalized.push_back(c);
      ++position;
    } else {
      append(next_character(text, position), normalized);
    }
  }
}

void Normalizer::append(char32_t character, std::string& normalized) const {
  if (is_control(character)) return;
  if (is_whitespace(character)) {
    normalized.push_back(' ');
    return;
  }
  const bool is_separate = separate_cjk_ && is_cjk_ideograph(character);
  if (is_separate) normalized.push_back(' ');
  if (strip_accents_) {
    append_decomposed(character, normalized);
  } else {
    append_lower(character, normalized);
  }
  if (is_separate) normalized.push_back(' ');
}

void Normalizer::append_decomposed(char32_t character, std::string& normalized) const {
  std::array<utf8proc_int32_t, kMaxDecomposition> parts;
  int last_boundary_class = UTF8PROC_BOUNDCLASS_START;
  const utf8proc_ssize_t count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(character), parts.data(), parts.size(),
                              UTF8PROC_DECOMPOSE, &last_boundary_class);
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    const auto part = static_cast<char32_t>(parts[static_cast<std::size_t>(i)]);
    if (!is_nonspacing_mark(part)) append_lower(part, normalized);
  }
}

void Normalizer::append_lower(char32_t character, std::string& normalized) const {
  if (!lower_case_) {
    append_character(character, normalized);
  } else if (character == kCapitalIWithDot) {
    normalized += "i\u0307";  // the one letter whose small form has two characters
  } else {
    append_character(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character))),
                     normalized);
  }
}

}  // namespace kdqat::text
