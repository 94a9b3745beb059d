#include "kdqat/kernels/base3.h"

#include <algorithm>
#include <array>

#include "kdqat/simd/multiversion.h"

namespace kdqat::kernels {
namespace {

constexpr std::uint8_t kValues = 243;

using Digits = std::array<std::int8_t, static_cast<std::size_t>(kCodesAByte)>;

constexpr std::array<Digits, 256> make_table() {
  std::array<Digits, 256> table{};
  for (std::size_t value = 0; value < kValues; ++value) {
    std::size_t rest = value;
    for (std::int8_t& digit : table[value]) {
      digit = static_cast<std::int8_t>(static_cast<int>(rest % 3) - 1);
      rest /= 3;
    }
  }
  return table;
}

constexpr std::array<Digits, 256> kTable = make_table();

}  // namespace

void pack_base3(const std::int8_t* codes, std::int64_t count, std::uint8_t* bytes) {
  for (std::int64_t first = 0; first < count; first += kCodesAByte) {
    int value = 0;
    for (std::int64_t i = first + kCodesAByte; i-- > first;)
      value = 3 * value + (i < count ? codes[i] : 0) + 1;
    *bytes++ = static_cast<std::uint8_t>(value);
  }
}

KDQAT_MULTIVERSION
bool base3_holds_codes(const std::uint8_t* bytes, std::int64_t count) {
  std::uint8_t largest = 0;
  for (std::int64_t i = 0; i < count; ++i) largest = largest > bytes[i] ? largest : bytes[i];
  return largest < kValues;
}

void unpack_base3(const std::uint8_t* bytes, std::int64_t count, float scale, float* out) {
  for (std::int64_t first = 0; first < count; first += kCodesAByte, ++bytes) {
    const Digits& digits = kTable[*bytes];
    const std::int64_t width = std::min(kCodesAByte, count - first);
    for (std::int64_t i = 0; i < width; ++i) {
      out[first + i] = static_cast<float>(digits[static_cast<std::size_t>(i)]) * scale;
    }
  }
}

}  // namespace kdqat::kernels
