#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdqat::text {

/// How text is cleaned before WordPiece; the names of tokenizer_config.json.
struct NormalizerConfig {
  bool do_lower_case = true;
  std::optional<bool> strip_accents;  ///< as do_lower_case where it is not given
  bool tokenize_chinese_chars = true;
};

/// One sentence or pair as the encoder takes it; both of length n_b.
struct Encoding {
  std::vector<std::int32_t> input_ids;
  std::vector<std::int32_t> token_type_ids;  ///< 0 for [CLS] text [SEP], 1 for pair [SEP]
};

/// BERT's tokenizer: normalizer, whitespace and punctuation, WordPiece (greedy longest match), [CLS] and [SEP]. Gives
/// what Hugging Face's BertTokenizerFast gives, id for id. Immutable, so it is safe to share between threads.
class Tokenizer {
 public:
  /// Reads vocab.txt and tokenizer_config.json, or tokenizer.json where there is no vocab.txt, of a model
  /// directory. Throws IoError if neither is there or can't be read; FormatError that names the file for: a
  /// tokenizer.json that is not BERT's WordPiece pipeline, a wrong JSON type, a vocabulary without [UNK], [CLS] or
  /// [SEP], duplicate or missing ids, invalid UTF-8.
  static Tokenizer load(const std::filesystem::path& model_dir);

  /// From the tokens themselves, id = position. Throws as load does; `where` stands for the file's name.
  Tokenizer(std::vector<std::string> vocabulary, NormalizerConfig config, const std::string& where = "vocabulary");

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Ids of `text`, or of `text` and `pair`, cut to max_length tokens ([CLS] and [SEP] counted) by dropping the last
  /// token of the longer text, of the pair where both are equally long (longest first).
  /// Throws InvalidArgument for invalid UTF-8 (with the byte's position) or a max_length too small for the special
  /// tokens.
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
