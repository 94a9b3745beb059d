#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Text to tokens, as Hugging Face's tokenizers do it:
//
//   const Tokenizer tokenizer = Tokenizer::load("encoder");
//   const Encoding encoding = tokenizer.encode("a fine film", std::nullopt, 128);
//   encoding.input_ids;  // BERT: [CLS] a fine film [SEP]
//
// A tokenizer is what its tokenizer.json says. Four stages, each in a header of its own:
//   normalizer.h      cleans the text:           "Fine film!" is "fine film!"
//   pre_tokenizer.h   cuts it into words:        fine, film, !
//   model.h           cuts words into tokens:    fine, film, !
//   post_processor.h  puts special tokens there: [CLS], fine, film, !, [SEP]
// Before the first and behind it, added tokens (added_tokens.h) are found in the text itself.

namespace kdqat::text {

/// Characters [begin, end) of a text, counted in code points.
struct Offsets {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  bool operator==(const Offsets&) const = default;
};

/// One text or pair as the encoder takes it. All parts that are given have one length.
struct Encoding {
  std::vector<std::int32_t> input_ids;
  std::vector<std::int32_t> token_type_ids;  ///< BERT's: 0 for [CLS] text [SEP], 1 for pair [SEP]
  std::vector<Offsets> offsets = {};  ///< what each token stands for in its text; {0, 0} for special tokens
};

/// A tokenizer of the kinds that tokenizer.json describes. Immutable, so it is safe to share between threads.
class Tokenizer {
 public:
  /// The tokenizer of a model directory (tokenizer_files.h says which files count and what is refused).
  static Tokenizer load(const std::filesystem::path& model_dir);

  /// Of a tokenizer.json document; `truncation`, `padding` and `decoder` do not matter. `where` stands for
  /// the file in messages. Throws FormatError that names the field for: a part that is not supported; a wrong
  /// JSON type; what make_normalizer, make_pre_tokenizer, make_model, PostProcessor and AddedTokens refuse; a
  /// special token of the post-processor with an id that no token has; no tokens at all.
  explicit Tokenizer(const nlohmann::json& document, const std::string& where = "tokenizer.json");

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Ids of `text`, or of `text` and `pair`, cut to max_length tokens, special ones counted. One text loses
  /// its last tokens. Of two (Hugging Face's longest_first), the longer one alone loses its last tokens if
  /// the other then has no more than half of what there is room for; else both keep one half. Of an odd
  /// number the longer text keeps one token more, `pair` if both are equally long. Takes linear time. Throws
  /// InvalidArgument for invalid UTF-8 (with the position of the byte), a text of more than 256 MiB, a
  /// max_length too small for the special tokens, and a character that no token covers in a vocabulary
  /// without an unknown token.
  Encoding encode(std::string_view text, std::optional<std::string_view> pair, std::int64_t max_length) const;

  /// As `encode`, with offsets. Slower.
  Encoding encode_with_offsets(std::string_view text, std::optional<std::string_view> pair,
                               std::int64_t max_length) const;

  /// The greatest id + 1: as many rows an embedding must have at least.
  std::int64_t vocab_size() const;

  /// The token of an id; "" where a vocabulary with holes has none. Throws InvalidArgument for an id that is
  /// not below vocab_size().
  const std::string& token(std::int64_t id) const;

  /// The id of a token, if it is in the vocabulary.
  std::optional<std::int32_t> find(std::string_view token) const;

  /// How many special tokens stand around one text or a pair: encode's least max_length.
  std::int64_t num_special_tokens(bool is_pair) const;

  /// The special token before a text (BERT's [CLS]) and the one behind it ([SEP]), if there are any.
  std::optional<std::int32_t> first_special_token() const;
  std::optional<std::int32_t> last_special_token() const;

 private:
  struct State;

  std::unique_ptr<const State> state_;
};

}  // namespace kdqat::text
