#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "kdqat/text/tokens.h"

namespace kdqat::text {

/// The tokens "<0x00>" to "<0xFF>" that stand for one byte each (byte_fallback).
class ByteTokens {
 public:
  /// As far as they are among `tokens`.
  explicit ByteTokens(const Tokens& tokens);

  bool have_all(std::string_view bytes) const {
    return std::all_of(bytes.begin(), bytes.end(), [this](char byte) { return id(byte) >= 0; });
  }

  /// -1 if there is none.
  std::int32_t id(char byte) const { return ids_[static_cast<unsigned char>(byte)]; }

 private:
  std::array<std::int32_t, 256> ids_;
};

}  // namespace kdqat::text
