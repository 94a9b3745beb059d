#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kdqat/base/json.h"
#include "kdqat/text/aligned_text.h"
#include "kdqat/text/normalizer.h"
#include "kdqat/text/token_finder.h"
#include "kdqat/text/tokens.h"

namespace kdqat::text {

/// A token that is found in the text itself, before words are cut: "[SEP]" in a text is the token [SEP].
/// The names are tokenizer.json's.
struct AddedToken {
  std::int32_t id = 0;
  std::string content;       ///< not empty
  bool single_word = false;  ///< not within a word: next to it stands no letter or digit
  bool lstrip = false;       ///< spaces before it belong to it
  bool rstrip = false;       ///< spaces behind it belong to it
  bool normalized = false;   ///< found in the normalized text; content is normalized too
};

/// A part of a text: an added token, or what lies between them.
struct TextPart {
  std::size_t begin = 0;
  std::size_t end = 0;
  const AddedToken* token = nullptr;  ///< nullptr between added tokens
};

/// The added tokens of a tokenizer.
class AddedTokens {
 public:
  /// Of tokenizer.json's array "added_tokens", which may be absent. A token's id is its id among the model's
  /// `tokens` if it is there, else the next one behind all others, as in Hugging Face's tokenizers. Throws
  /// FormatError that names the token for: a field of another type; another id; an empty or repeated content.
  AddedTokens(const base::JsonFields& root, const Tokens& tokens, const Normalizer* normalizer);

  /// The parts of a raw text, with the tokens that are not `normalized`. Takes linear time.
  void cut_raw(std::string_view text, std::vector<TextPart>& parts) const;

  /// The parts of a normalized text, with the tokens that are `normalized`. Takes linear time.
  void cut_normalized(std::string_view text, std::vector<TextPart>& parts) const;

  /// Whether there are tokens to find in normalized text.
  bool has_normalized() const { return !normalized_finder_.empty(); }

  /// The greatest id + 1; 0 if there are none.
  std::int64_t size() const { return size_; }

  /// The content of the added token with this id; nullptr if there is none.
  const std::string* find(std::int64_t id) const;

  /// The id of the added token with this content.
  std::optional<std::int32_t> find(std::string_view content) const;

 private:
  void cut(std::string_view text, const TokenFinder& finder, const std::vector<std::size_t>& positions,
           std::vector<TextPart>& parts) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string_view, std::size_t> by_content_;  // position in tokens_
  std::unordered_map<std::int64_t, std::size_t> by_id_;
  TokenFinder raw_finder_;
  TokenFinder normalized_finder_;
  std::vector<std::size_t> raw_;         // positions in tokens_, by the finder's numbers
  std::vector<std::size_t> normalized_;  // likewise
  std::int64_t size_ = 0;
};

}  // namespace kdqat::text
