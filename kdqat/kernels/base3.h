#pragma once

#include <cstdint>

namespace kdqat::kernels {

/// Ternary codes a byte: 3^5 = 243 values.
inline constexpr std::int64_t kCodesAByte = 5;

/// Bytes of `count` ternary codes in base 3.
constexpr std::int64_t base3_bytes(std::int64_t count) { return (count + kCodesAByte - 1) / kCodesAByte; }

/// Ternary codes as digits of base 3, the dense form of rows that are only looked up: byte i is sum_j
/// (code[5 i + j] + 1) 3^j; codes behind the last are 0.
void pack_base3(const std::int8_t* codes, std::int64_t count, std::uint8_t* bytes);

/// Whether all bytes are up to 242, what pack_base3 writes.
bool base3_holds_codes(const std::uint8_t* bytes, std::int64_t count);

/// Inverse of pack_base3, times a scale: out[i] = code[i] scale, the bits that `dequantize` gives. A byte
/// above 242 counts as zeros.
void unpack_base3(const std::uint8_t* bytes, std::int64_t count, float scale, float* out);

}  // namespace kdqat::kernels
