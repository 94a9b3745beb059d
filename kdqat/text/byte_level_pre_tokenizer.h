#pragma once

#include "kdqat/text/pre_tokenizer.h"

namespace kdqat::text {

/// ByteLevel of a tokenizer.json, the pre-tokenizer of GPT-2 and RoBERTa:
///   add_prefix_space: a space is put before each word that does not begin with one;
///   use_regex: words are cut by GPT-2's expression
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// and written in byte-level characters (byte_level.h), unless the model reads bytes.
class ByteLevelPreTokenizer : public PreTokenizer {
 public:
  ByteLevelPreTokenizer(const base::JsonFields& fields, bool model_reads_bytes);

  void cut(Words& words) const override;

 private:
  bool add_prefix_space_;
  bool use_regex_;
  bool model_reads_bytes_;
};

/// The end of the match of GPT-2's expression at `position`, which is before the end: it matches everywhere.
std::size_t gpt2_word_end(std::string_view text, std::size_t position);

}  // namespace kdqat::text
