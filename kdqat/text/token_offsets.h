#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kdqat/text/aligned_text.h"
#include "kdqat/text/post_processor.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat::text {

/// The offsets of the tokens of one text, in characters.
class TokenOffsets {
 public:
  explicit TokenOffsets(std::string_view text);

  /// Adds a token that stands for bytes `origin` of the text; `token` is how it is written.
  void add(Span origin, std::string_view token);

  /// Appends the offsets of the first `count` tokens, trimmed as ByteLevel does.
  void append_to(std::vector<Offsets>& offsets, std::size_t count,
                 std::span<const PostProcessor::Trim> trims) const;

 private:
  struct Token {
    Offsets offsets;
    std::int64_t leading_spaces;   // characters at the beginning of the token that are spaces
    std::int64_t trailing_spaces;  // likewise at the end
  };

  std::vector<std::uint32_t> characters_;  // of each byte of the text, which character it belongs to
  std::vector<Token> tokens_;
};

}  // namespace kdqat::text
