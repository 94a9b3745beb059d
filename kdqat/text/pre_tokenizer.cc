#include "kdqat/text/pre_tokenizer.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "kdqat/text/byte_level_pre_tokenizer.h"
#include "kdqat/text/json_array.h"
#include "kdqat/text/metaspace.h"
#include "kdqat/text/pattern.h"
#include "kdqat/text/splitting.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

using base::JsonFields;

/// What a character is to a pre-tokenizer that removes spaces.
enum class CharacterKind : unsigned char { kWord, kSpace, kAlone, kOther };

/// Removes spaces; a run of kWord, a run of kOther and each kAlone is a word. `Kinds::of` says what a
/// character is.
template <typename Kinds>
class KindPreTokenizer : public PreTokenizer {
 public:
  KindPreTokenizer() {
    for (std::size_t i = 0; i < ascii_.size(); ++i) ascii_[i] = Kinds::of(static_cast<char32_t>(i));
  }

  void cut(Words& words) const override {
    words.spare_ranges.clear();
    for (const WordRange range : words.ranges) {
      cut_range(std::string_view(words.text.bytes).substr(0, range.end), range.begin, words.spare_ranges);
    }
    words.ranges.swap(words.spare_ranges);
  }

 private:
  CharacterKind next_kind(std::string_view text, std::size_t& position) const {
    const auto byte = static_cast<unsigned char>(text[position]);
    if (byte >= ascii_.size()) return Kinds::of(next_character(text, position));
    ++position;
    return ascii_[byte];
  }

  void cut_range(std::string_view text, std::size_t position, std::vector<WordRange>& words) const {
    while (position < text.size()) {
      const std::size_t begin = position;
      const CharacterKind kind = next_kind(text, position);
      if (kind == CharacterKind::kSpace) continue;
      while (kind != CharacterKind::kAlone && position < text.size()) {
        std::size_t next = position;
        if (next_kind(text, next) != kind) break;
        position = next;
      }
      words.push_back(
          {.begin = static_cast<std::uint32_t>(begin), .end = static_cast<std::uint32_t>(position)});
    }
  }

  std::array<CharacterKind, 128> ascii_;
};

struct BertKinds {
  static CharacterKind of(char32_t character) {
    if (is_whitespace(character)) return CharacterKind::kSpace;
    return is_punctuation(character) ? CharacterKind::kAlone : CharacterKind::kWord;
  }
};

struct WhitespaceSplitKinds {
  static CharacterKind of(char32_t character) {
    return is_whitespace(character) ? CharacterKind::kSpace : CharacterKind::kWord;
  }
};

/// The expression \w+|[^\w\s]+.
struct WhitespaceKinds {
  static CharacterKind of(char32_t character) {
    if (is_word_character(character)) return CharacterKind::kWord;
    return is_whitespace(character) ? CharacterKind::kSpace : CharacterKind::kOther;
  }
};

/// Cuts at each character of a class: Punctuation and Digits.
class CharacterSplit : public PreTokenizer {
 public:
  using Class = bool (*)(char32_t);

  CharacterSplit(Class is_in_class, SplitBehavior behavior)
      : is_in_class_(is_in_class), behavior_(behavior) {}

  void cut(Words& words) const override {
    split_words(words, behavior_, /*inverts=*/false, [this](std::string_view text, std::size_t from) {
      return find_character(text, from, is_in_class_);
    });
  }

 private:
  Class is_in_class_;
  SplitBehavior behavior_;
};

class PatternSplit : public PreTokenizer {
 public:
  explicit PatternSplit(const JsonFields& fields)
      : pattern_(make_pattern(fields, "pattern")),
        behavior_(read_behavior(fields, "behavior", SplitBehavior::kIsolated)),
        inverts_(fields.boolean_or("invert", false)) {}

  void cut(Words& words) const override {
    split_words(words, behavior_, inverts_,
                [this](std::string_view text, std::size_t from) { return pattern_->find(text, from); });
  }

 private:
  std::unique_ptr<const Pattern> pattern_;
  SplitBehavior behavior_;
  bool inverts_;
};

class PreTokenizerSequence : public PreTokenizer {
 public:
  PreTokenizerSequence(const JsonFields& fields, PreTokenizerOptions options) {
    std::size_t left = fields.find("pretokenizers") == nullptr ? 0 : fields.find("pretokenizers")->size();
    for_each_object(fields, "pretokenizers", [&](const JsonFields& pre_tokenizer) {
      pre_tokenizers_.push_back(
          make_pre_tokenizer(pre_tokenizer, --left == 0 ? options : PreTokenizerOptions{}));
    });
  }

  void cut(Words& words) const override {
    for (const auto& pre_tokenizer : pre_tokenizers_) pre_tokenizer->cut(words);
  }

  bool needs_origins() const override {
    return std::any_of(pre_tokenizers_.begin(), pre_tokenizers_.end(),
                       [](const auto& pre_tokenizer) { return pre_tokenizer->needs_origins(); });
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> pre_tokenizers_;
};

}  // namespace

std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const JsonFields& pre_tokenizer,
                                                       PreTokenizerOptions options) {
  const std::string type = pre_tokenizer.string_or("type", "");
  if (type == "BertPreTokenizer") return std::make_unique<KindPreTokenizer<BertKinds>>();
  if (type == "Whitespace") return std::make_unique<KindPreTokenizer<WhitespaceKinds>>();
  if (type == "WhitespaceSplit") return std::make_unique<KindPreTokenizer<WhitespaceSplitKinds>>();
  if (type == "Punctuation") {
    return std::make_unique<CharacterSplit>(
        is_punctuation, read_behavior(pre_tokenizer, "behavior", SplitBehavior::kIsolated));
  }
  if (type == "Digits") {
    const bool is_individual = pre_tokenizer.boolean_or("individual_digits", false);
    return std::make_unique<CharacterSplit>(
        is_numeric, is_individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
  }
  if (type == "Split") return std::make_unique<PatternSplit>(pre_tokenizer);
  if (type == "Metaspace") return std::make_unique<Metaspace>(pre_tokenizer);
  if (type == "ByteLevel") {
    return std::make_unique<ByteLevelPreTokenizer>(pre_tokenizer, options.model_reads_bytes);
  }
  if (type == "Sequence") return std::make_unique<PreTokenizerSequence>(pre_tokenizer, options);
  pre_tokenizer.fail("type",
                     "BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, Digits, Split, Metaspace, "
                     "ByteLevel or Sequence");
}

bool ends_in_byte_level(const JsonFields& pre_tokenizer) {
  const std::string type = pre_tokenizer.string_or("type", "");
  bool is_last = type == "ByteLevel";
  if (type == "Sequence") {
    for_each_object(pre_tokenizer, "pretokenizers",
                    [&](const JsonFields& part) { is_last = ends_in_byte_level(part); });
  }
  return is_last;
}

}  // namespace kdqat::text
