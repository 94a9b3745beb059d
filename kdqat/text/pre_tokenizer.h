#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kdqat/base/json.h"
#include "kdqat/text/aligned_text.h"

// The second stage: cuts a normalized text into words. Of a tokenizer.json:
//
//   const auto pre_tokenizer = make_pre_tokenizer(root.object("pre_tokenizer"), {});
//   Words words;
//   words.text.assign("it's fine", 0);
//   words.ranges = {{0, 9}};
//   pre_tokenizer->cut(words);  // BertPreTokenizer: ranges {0, 2} {2, 3} {3, 4} {5, 9}

namespace kdqat::text {

/// Bytes [begin, end) of Words::text; never empty.
struct WordRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

/// A text and its words; a pre-tokenizer may rewrite both.
struct Words {
  AlignedText text;
  std::vector<WordRange> ranges;
  AlignedText spare_text;               ///< memory to work in
  std::vector<WordRange> spare_ranges;  ///< likewise
};

/// Cuts words into smaller ones. Immutable, so it is safe to share between threads.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;

  /// Takes linear time.
  virtual void cut(Words& words) const = 0;

  /// Whether the words depend on where they come from in the original: `cut` then needs an aligned text.
  virtual bool needs_origins() const { return false; }
};

struct PreTokenizerOptions {
  /// The model reads words as bytes: a ByteLevel at the end leaves out writing them in its characters.
  bool model_reads_bytes = false;
};

/// The pre-tokenizer of tokenizer.json's object "pre_tokenizer": BertPreTokenizer, Whitespace,
/// WhitespaceSplit, Punctuation, Digits, Split, ByteLevel, Metaspace, or a Sequence of them. Throws
/// FormatError that names another type or a wrong field.
std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const base::JsonFields& pre_tokenizer,
                                                       PreTokenizerOptions options);

/// Whether a pre-tokenizer ends in ByteLevel, so that a BPE model may read bytes.
bool ends_in_byte_level(const base::JsonFields& pre_tokenizer);

}  // namespace kdqat::text
