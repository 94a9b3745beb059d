#include "kdqat/text/special_tokens.h"

#include <algorithm>
#include <utility>

namespace kdqat::text {

SpecialTokenFinder::SpecialTokenFinder(std::vector<SpecialToken> tokens) : tokens_(std::move(tokens)) {
  std::stable_sort(tokens_.begin(), tokens_.end(), [](const SpecialToken& a, const SpecialToken& b) {
    return a.text.size() > b.text.size();
  });
  for (const SpecialToken& token : tokens_)
    is_first_byte_[static_cast<unsigned char>(token.text.front())] = true;
}

SpecialTokenFinder::Match SpecialTokenFinder::find(std::string_view text, std::size_t position) const {
  for (; position < text.size(); ++position) {
    if (!is_first_byte_[static_cast<unsigned char>(text[position])]) continue;
    for (const SpecialToken& token : tokens_) {
      if (text.substr(position).starts_with(token.text)) return {position, &token};
    }
  }
  return {position, nullptr};
}

}  // namespace kdqat::text
