#pragma once

#include "kdqat/text/normalizer.h"

namespace kdqat::text {

/// Unicode's normalization forms (UAX 15): NFD and NFKD decompose characters and sort marks, NFC and NFKC
/// compose them again. With the tables of Unicode 9, as Hugging Face's tokenizers.
class UnicodeNormalizer : public Normalizer {
 public:
  struct Form {
    bool is_compatible = false;  ///< NFKD, NFKC
    bool composes = false;       ///< NFC, NFKC
  };

  explicit UnicodeNormalizer(Form form) : form_(form) {}

  void normalize(AlignedText& text, AlignedText& spare) const override;

 private:
  bool may_change(char32_t character) const;

  Form form_;
};

}  // namespace kdqat::text
