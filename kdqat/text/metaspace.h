#pragma once

#include <string>

#include "kdqat/text/pre_tokenizer.h"

namespace kdqat::text {

/// Metaspace of a tokenizer.json: writes a character, "▁", for each space and before a word, and cuts the
/// word before each of them: "good film" is "▁good" and "▁film".
///   replacement: the character
///   prepend_scheme: "always" writes it before each word that does not begin so, "first" only before a word
///   at
///     the beginning of the original text, "never" nowhere; "always" where it is not given
///   add_prefix_space: false is "never"; older files have it alone
///   split: whether words are cut
class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(const base::JsonFields& fields);

  void cut(Words& words) const override;
  bool needs_origins() const override { return scheme_ == PrependScheme::kFirst; }

 private:
  enum class PrependScheme { kAlways, kFirst, kNever };

  void append_word(const AlignedText& text, WordRange range, AlignedText& output) const;

  std::string replacement_;
  PrependScheme scheme_ = PrependScheme::kAlways;
  bool splits_ = true;
};

}  // namespace kdqat::text
