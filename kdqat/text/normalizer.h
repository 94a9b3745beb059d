#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace kdqat::text {

/// How text is cleaned before WordPiece; the names of tokenizer_config.json.
struct NormalizerConfig {
  bool do_lower_case = true;
  std::optional<bool> strip_accents = std::nullopt;  ///< as do_lower_case where it is not given
  bool tokenize_chinese_chars = true;
};

/// First stage: cleans a text as Hugging Face's BertNormalizer does. In this order:
///   control characters are dropped, whitespace becomes a space;
///   CJK ideographs get a space on both sides (tokenize_chinese_chars);
///   characters are decomposed (Unicode's NFD) and nonspacing marks dropped (strip_accents);
///   letters become small (do_lower_case), one by one: no final sigma.
/// NFD would also sort the marks of a letter. As nearly all of them are dropped, that step is left out; it
/// would move a few musical symbols only.
class Normalizer {
 public:
  explicit Normalizer(const NormalizerConfig& config);

  /// Puts the cleaned form of `text`, which must be well-formed UTF-8, in place of what `normalized` holds.
  /// Takes linear time.
  void normalize(std::string_view text, std::string& normalized) const;

 private:
  void append(char32_t character, std::string& normalized) const;
  void append_decomposed(char32_t character, std::string& normalized) const;
  void append_lower(char32_t character, std::string& normalized) const;

  bool lower_case_;
  bool strip_accents_;
  bool separate_cjk_;
  std::array<char, 128> ascii_;  // what each ASCII character becomes; 0 for nothing
};

}  // namespace kdqat::text
