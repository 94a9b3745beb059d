#include "kdqat/text/byte_tokens.h"

#include <array>
#include <string>

namespace kdqat::text {

ByteTokens::ByteTokens(const Tokens& tokens) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < ids_.size(); ++byte) {
    const std::string token = {'<', '0', 'x', kDigits[byte / 16], kDigits[byte % 16], '>'};
    ids_[byte] = tokens.find(token).value_or(-1);
  }
}

}  // namespace kdqat::text
