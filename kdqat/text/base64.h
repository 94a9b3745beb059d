#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kdqat::text {

/// The bytes in Base64 (RFC 4648, section 4): "abc" is "YWJj", "a" is "YQ==".
std::string encode_base64(std::string_view bytes);

/// The bytes that `text` stands for; nothing if it is not what encode_base64 gives.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace kdqat::text
