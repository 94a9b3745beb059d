#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/text/normalizer.h"

namespace kdqat::text {

struct Vocabulary;

/// One sentence or pair as the encoder takes it; both of length n_b.
struct Encoding {
  std::vector<std::int32_t> input_ids;
  std::vector<std::int32_t> token_type_ids;  ///< 0 for [CLS] text [SEP], 1 for pair [SEP]
};

/// BERT's tokenizer: normalizer, whitespace and punctuation, WordPiece (greedy longest match), [CLS] and
/// [SEP]. Gives what Hugging Face's BertTokenizerFast gives, id for id. Immutable, so it is safe to share
/// between threads.
class Tokenizer {
 public:
  /// Reads vocab.txt, or tokenizer.json where there is no vocab.txt, and tokenizer_config.json where there is
  /// one, of a model directory; what tokenizer_config.json gives goes before what tokenizer.json gives, and
  /// what neither gives is as in BERT.
  ///
  /// Special tokens, which stand for themselves in raw text ("[SEP]" in a text is the token [SEP]), are the
  /// five named ones as far as they are in the vocabulary, tokenizer.json's added_tokens and
  /// tokenizer_config.json's added_tokens_decoder and additional_special_tokens.
  ///
  /// Throws IoError if the files are missing or can't be read. Throws FormatError that names the file and the
  /// field for: what is not JSON; a wrong JSON type; a tokenizer.json that is not BERT's pipeline
  /// (BertNormalizer, BertPreTokenizer, WordPiece, [CLS] A [SEP] B [SEP]); ids that are not 0, 1, 2 ... with
  /// one token each; a token that occurs twice or is not UTF-8; a vocabulary without [UNK], [CLS] or [SEP];
  /// an added token that is matched in normalized text, as single words or with the spaces around it.
  static Tokenizer load(const std::filesystem::path& model_dir);

  /// From the tokens themselves, id = position, with BERT's special tokens. Throws FormatError as load does;
  /// `where` stands for the file's name.
  Tokenizer(std::vector<std::string> vocabulary, NormalizerConfig config,
            const std::string& where = "vocabulary");

  /// From what load_vocabulary or vocabulary_from_settings gives. Throws FormatError as load does.
  explicit Tokenizer(Vocabulary vocabulary);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Ids of `text`, or of `text` and `pair`, cut to max_length tokens ([CLS] and [SEP] counted). One text
  /// loses its last tokens. Of two (Hugging Face's longest_first), the longer one alone loses its last tokens
  /// if the other then has no more than half of what there is room for; else both keep one half. Of an odd
  /// number the longer text keeps one token more, `pair` if both are equally long. Takes linear time. Throws
  /// InvalidArgument for invalid UTF-8 (with the position of the byte) or a max_length too small for the
  /// special tokens.
  Encoding encode(std::string_view text, std::optional<std::string_view> pair, std::int64_t max_length) const;

  std::int64_t vocab_size() const;

  /// The token of an id. Throws InvalidArgument if there is none.
  const std::string& token(std::int64_t id) const;

  /// The id of a token, if it is in the vocabulary.
  std::optional<std::int32_t> find(std::string_view token) const;

 private:
  struct State;

  std::unique_ptr<const State> state_;
};

/// The files of a tokenizer (vocab.txt, tokenizer.json, tokenizer_config.json, special_tokens_map.json) that
/// `from` has, copied as they are to `to`. Throws IoError.
void copy_tokenizer_files(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace kdqat::text
