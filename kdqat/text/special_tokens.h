#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kdqat::text {

/// A token that stands for itself in raw text, before any normalization: "[SEP]" in a text is the token
/// [SEP].
struct SpecialToken {
  std::string text;  ///< not empty
  std::int32_t id = 0;
};

/// Finds special tokens in raw text, as Hugging Face's tokenizers do: the leftmost, of several at one place
/// the longest.
class SpecialTokenFinder {
 public:
  struct Match {
    std::size_t position = 0;             ///< the end of the text if there is none
    const SpecialToken* token = nullptr;  ///< of the finder; nullptr if there is none
  };

  explicit SpecialTokenFinder(std::vector<SpecialToken> tokens);

  /// The first match from `position` on.
  Match find(std::string_view text, std::size_t position) const;

 private:
  std::vector<SpecialToken> tokens_;          // the longest first
  std::array<bool, 256> is_first_byte_ = {};  // whether a token starts with this byte
};

}  // namespace kdqat::text
