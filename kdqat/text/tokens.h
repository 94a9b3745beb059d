#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/base/json.h"
#include "kdqat/text/token_trie.h"

namespace kdqat::text {

/// The vocabulary of a model, both ways: tokens[7] is the token with the id 7, tokens.find("##ing") its id.
/// Ids may come in any order and leave holes, which added tokens can fill.
class Tokens {
 public:
  /// More ids than this without a token are refused, so that a small file can't ask for much memory.
  static constexpr std::int64_t kMostHoles = 1 << 20;

  /// Of tokens with id = position. A token that occurs twice is found under its last id, as in Hugging Face's
  /// Unigram.
  explicit Tokens(std::vector<std::string> tokens);

  /// Of a JSON object {token: id}, the field `name` of `model`. Throws FormatError for: another type; an id
  /// that is no integer from 0 to the number of tokens - 1 + kMostHoles; two tokens with one id.
  static Tokens from_object(const base::JsonFields& model, std::string_view name);

  /// The greatest id + 1.
  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }

  /// The number of tokens; less than size() where there are holes.
  std::int64_t count() const { return static_cast<std::int64_t>(sorted_.size()); }

  /// The token of an id below size(); "" for a hole.
  const std::string& operator[](std::int64_t id) const { return tokens_[static_cast<std::size_t>(id)]; }

  /// The id of a token.
  std::optional<std::int32_t> find(std::string_view token) const;

  /// The tokens, id = position; "" where there is a hole.
  const std::vector<std::string>& all() const { return tokens_; }

  /// All ids with a token, in the order of sort_by_bytes.
  const std::vector<std::int32_t>& sorted() const { return sorted_; }

 private:
  Tokens() = default;

  std::vector<std::string> tokens_;
  std::vector<std::int32_t> sorted_;
};

}  // namespace kdqat::text
