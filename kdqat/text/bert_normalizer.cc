#include "kdqat/text/bert_normalizer.h"

#include <cstddef>

#include "kdqat/text/unicode.h"
#include "kdqat/text/unicode_normalizer.h"

namespace kdqat::text {

BertNormalizer::Pass::Pass(Steps steps) : steps_(steps) {
  for (std::size_t i = 0; i < ascii_.size(); ++i) {
    const auto c = static_cast<char32_t>(i);
    is_dropped_[i] = steps.cleans && is_control(c);
    const char32_t cleaned = steps.cleans && is_whitespace(c) ? U' ' : c;
    ascii_[i] = static_cast<char>(steps.lowers ? to_lower(cleaned) : cleaned);
  }
}

bool BertNormalizer::Pass::run(AlignedText& text, AlignedText& spare) const {
  const std::string& bytes = text.bytes;
  std::string& normalized = spare.bytes;
  spare.clear();
  normalized.reserve(bytes.size());
  for (std::size_t position = 0; position < bytes.size();) {
    const std::size_t start = position;
    const auto byte = static_cast<unsigned char>(bytes[position]);
    if (byte < ascii_.size()) {
      if (!is_dropped_[byte]) normalized.push_back(ascii_[byte]);
      ++position;
    } else if (!append(next_character(bytes, position), normalized)) {
      return false;
    }
    spare.align(text.origin(start));
  }
  text.swap(spare);
  return true;
}

bool BertNormalizer::Pass::append(char32_t character, std::string& normalized) const {
  if (steps_.cleans) {
    if (is_control(character)) return true;
    if (is_whitespace(character)) {
      normalized.push_back(' ');
      return true;
    }
  }
  const bool is_separate = steps_.separates_cjk && is_cjk_ideograph(character);
  if (is_separate) normalized.push_back(' ');
  if (!steps_.strips_accents) {
    append_lower(character, normalized);
  } else if (!append_decomposed(character, normalized)) {
    return false;
  }
  if (is_separate) normalized.push_back(' ');
  return true;
}

bool BertNormalizer::Pass::append_decomposed(char32_t character, std::string& normalized) const {
  for (const char32_t part : Decomposition(character, /*is_compatible=*/false)) {
    if (is_nonspacing_mark(part)) continue;
    if (!steps_.marks_are_sorted && combining_class(part) != 0) return false;
    append_lower(part, normalized);
  }
  return true;
}

void BertNormalizer::Pass::append_lower(char32_t character, std::string& normalized) const {
  if (steps_.lowers) {
    append_lower_character(character, normalized);
  } else {
    append_character(character, normalized);
  }
}

BertNormalizer::BertNormalizer(const base::JsonFields& fields)
    : whole_({.cleans = fields.boolean_or("clean_text", true),
              .separates_cjk = fields.boolean_or("handle_chinese_chars", true),
              .strips_accents = fields.boolean_or("strip_accents", fields.boolean_or("lowercase", true)),
              .lowers = fields.boolean_or("lowercase", true)}) {}

void BertNormalizer::normalize(AlignedText& text, AlignedText& spare) const {
  if (whole_.run(text, spare)) return;
  Pass::Steps before = whole_.steps();
  before.strips_accents = before.lowers = false;
  Pass(before).run(text, spare);
  UnicodeNormalizer({.is_compatible = false, .composes = false}).normalize(text, spare);
  Pass({.strips_accents = true, .marks_are_sorted = true, .lowers = whole_.steps().lowers}).run(text, spare);
}

}  // namespace kdqat::text
