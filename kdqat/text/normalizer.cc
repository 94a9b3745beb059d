#include "kdqat/text/normalizer.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kdqat/text/bert_normalizer.h"
#include "kdqat/text/json_array.h"
#include "kdqat/text/pattern.h"
#include "kdqat/text/precompiled_normalizer.h"
#include "kdqat/text/unicode.h"
#include "kdqat/text/unicode_normalizer.h"

namespace kdqat::text {
namespace {

using base::JsonFields;

class Lowercase : public Normalizer {
 public:
  void normalize(AlignedText& text, AlignedText& spare) const override {
    spare.clear();
    for (std::size_t position = 0; position < text.bytes.size();) {
      const std::size_t start = position;
      append_lower_character(next_character(text.bytes, position), spare.bytes);
      spare.align(text.origin(start));
    }
    text.swap(spare);
  }
};

/// Drops the characters of a class and puts others in the place of some.
class CharacterMap : public Normalizer {
 public:
  /// What a character becomes; nothing if it is dropped.
  using Map = std::optional<char32_t> (*)(char32_t);

  explicit CharacterMap(Map map) : map_(map) {}

  void normalize(AlignedText& text, AlignedText& spare) const override {
    spare.clear();
    for (std::size_t position = 0; position < text.bytes.size();) {
      const std::size_t start = position;
      const std::optional<char32_t> mapped = map_(next_character(text.bytes, position));
      if (!mapped) continue;
      append_character(*mapped, spare.bytes);
      spare.align(text.origin(start));
    }
    text.swap(spare);
  }

 private:
  Map map_;
};

std::optional<char32_t> strip_accent(char32_t character) {
  if (is_combining_mark(character)) return std::nullopt;
  return character;
}

/// The rules of Neural Machine Translation, as sentencepiece has them.
std::optional<char32_t> clean_for_translation(char32_t c) {
  if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F ||
      c == 0x9F) {
    return std::nullopt;
  }
  const bool is_space = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                        (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                        c == 0xFEFF || c == 0xFFFD;
  return is_space ? U' ' : c;
}

class Strip : public Normalizer {
 public:
  explicit Strip(const JsonFields& fields)
      : left_(fields.boolean_or("strip_left", true)), right_(fields.boolean_or("strip_right", true)) {}

  void normalize(AlignedText& text, AlignedText& spare) const override {
    const std::string& bytes = text.bytes;
    std::size_t begin = 0;
    for (std::size_t next = 0; left_ && next < bytes.size() && is_whitespace(next_character(bytes, next));) {
      begin = next;
    }
    std::size_t end = bytes.size();
    while (right_ && end > begin) {
      const std::size_t last = previous_character(bytes, end);
      std::size_t next = last;
      if (!is_whitespace(next_character(bytes, next))) break;
      end = last;
    }
    if (begin == 0 && end == bytes.size()) return;
    spare.clear();
    spare.append(text, begin, end);
    text.swap(spare);
  }

 private:
  bool left_;
  bool right_;
};

class Replace : public Normalizer {
 public:
  explicit Replace(const JsonFields& fields)
      : pattern_(make_pattern(fields, "pattern")), content_(fields.string_or("content", "")) {}

  void normalize(AlignedText& text, AlignedText& spare) const override {
    std::optional<Match> match = pattern_->find(text.bytes, 0);
    if (!match) return;
    spare.clear();
    std::size_t done = 0;
    for (; match; match = pattern_->find(text.bytes, done)) {
      spare.append(text, done, match->begin);
      spare.bytes += content_;
      spare.align(text.origin(match->end - 1));
      text.check_size(spare.bytes.size());
      done = match->end;
    }
    spare.append(text, done, text.bytes.size());
    text.swap(spare);
  }

 private:
  std::unique_ptr<const Pattern> pattern_;
  std::string content_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(const JsonFields& fields) : content_(fields.string_or("prepend", "")) {}

  void normalize(AlignedText& text, AlignedText& spare) const override {
    if (text.bytes.empty() || content_.empty()) return;
    text.check_size(text.bytes.size() + content_.size());
    spare.clear();
    spare.bytes = content_;
    spare.align(text.origin(0));
    spare.append(text, 0, text.bytes.size());
    text.swap(spare);
  }

 private:
  std::string content_;
};

class NormalizerSequence : public Normalizer {
 public:
  explicit NormalizerSequence(const JsonFields& fields) {
    for_each_object(fields, "normalizers", [&](const JsonFields& normalizer) {
      normalizers_.push_back(make_normalizer(normalizer));
    });
  }

  void normalize(AlignedText& text, AlignedText& spare) const override {
    for (const auto& normalizer : normalizers_) normalizer->normalize(text, spare);
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> normalizers_;
};

std::unique_ptr<const Normalizer> make_unicode_normalizer(const std::string& type) {
  const bool is_compatible = type.starts_with("NFK");
  return std::make_unique<UnicodeNormalizer>(
      UnicodeNormalizer::Form{.is_compatible = is_compatible, .composes = type.ends_with('C')});
}

}  // namespace

std::unique_ptr<const Normalizer> make_normalizer(const JsonFields& normalizer) {
  const std::string type = normalizer.string_or("type", "");
  if (type == "BertNormalizer") return std::make_unique<BertNormalizer>(normalizer);
  if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD")
    return make_unicode_normalizer(type);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "StripAccents") return std::make_unique<CharacterMap>(strip_accent);
  if (type == "Nmt") return std::make_unique<CharacterMap>(clean_for_translation);
  if (type == "Strip") return std::make_unique<Strip>(normalizer);
  if (type == "Replace") return std::make_unique<Replace>(normalizer);
  if (type == "Prepend") return std::make_unique<Prepend>(normalizer);
  if (type == "Precompiled") return std::make_unique<PrecompiledNormalizer>(normalizer);
  if (type == "Sequence") return std::make_unique<NormalizerSequence>(normalizer);
  normalizer.fail("type",
                  "BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend, "
                  "Precompiled, Nmt or Sequence");
}

}  // namespace kdqat::text
