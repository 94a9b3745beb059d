#pragma once

#include <array>

#include "kdqat/base/json.h"
#include "kdqat/text/char_map.h"
#include "kdqat/text/normalizer.h"

namespace kdqat::text {

/// Precompiled of a tokenizer.json: sentencepiece's table of replacements ("precompiled_charsmap", base64),
/// as Hugging Face's tokenizers apply it. A letter with its marks, of fewer than 6 bytes together, is
/// replaced as a whole by what the table has for its beginning; else each character is replaced on its own.
class PrecompiledNormalizer : public Normalizer {
 public:
  explicit PrecompiledNormalizer(const base::JsonFields& fields);

  void normalize(AlignedText& text, AlignedText& spare) const override;

 private:
  template <typename Output>
  bool replace(const AlignedText& text, const AlignedText& spare, Output& output) const;

  CharMap map_;
  std::array<bool, 128> is_replaced_ = {};  // ASCII characters that the table has something for
};

}  // namespace kdqat::text
