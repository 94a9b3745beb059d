#pragma once

#include <memory>

#include "kdqat/base/json.h"
#include "kdqat/text/aligned_text.h"

// The first stage: cleans a text. Of a tokenizer.json:
//
//   const auto normalizer = make_normalizer(root.object("normalizer"));
//   AlignedText text, spare;
//   text.assign("Ärger", 0);
//   normalizer->normalize(text, spare);  // BertNormalizer: text.bytes is "arger"

namespace kdqat::text {

/// Cleans texts. Immutable, so it is safe to share between threads.
class Normalizer {
 public:
  virtual ~Normalizer() = default;

  /// Puts the clean form in place of `text`. `spare` is memory to work in; both have the same is_aligned.
  /// Takes linear time.
  virtual void normalize(AlignedText& text, AlignedText& spare) const = 0;
};

/// The normalizer of tokenizer.json's object "normalizer": BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase,
/// StripAccents, Strip, Replace, Prepend, Precompiled, Nmt, or a Sequence of them. Each gives the text and
/// the origins that Hugging Face's tokenizers give. Throws FormatError that names another type or a wrong
/// field.
std::unique_ptr<const Normalizer> make_normalizer(const base::JsonFields& normalizer);

}  // namespace kdqat::text
