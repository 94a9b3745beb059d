#include "kdqat/kernels/gemm/block.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#define KDQAT_AVX2 __attribute__((target("avx2")))

namespace kdqat::kernels {
namespace {

/// Rows of one pass: with the two halves of a panel, 8 sums.
constexpr int kPassRows = 4;

/// The fields of a line's half that belong to the columns 4 field .. 4 field + 3 of the line.
template <int kBits>
KDQAT_AVX2 inline __m256i field_of(__m256i half, int field) {
  if constexpr (kBits == 8) return half;
  return _mm256_and_si256(_mm256_srl_epi16(half, _mm_cvtsi32_si128(kBits * field)),
                          _mm256_set1_epi8(static_cast<char>((1 << kBits) - 1)));
}

/// Sums of four products each. Two products of bytes are added in 16 bits: fields below 16 can't overflow
/// them, so larger fields are cut in two.
template <int kBits>
KDQAT_AVX2 inline __m256i sums_of_four(__m256i fields, __m256i factor) {
  const __m256i ones = _mm256_set1_epi16(1);
  if constexpr (kBits < 8) return _mm256_madd_epi16(_mm256_maddubs_epi16(fields, factor), ones);
  const __m256i mask = _mm256_set1_epi8(15);
  const __m256i low = _mm256_maddubs_epi16(_mm256_and_si256(fields, mask), factor);
  const __m256i high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(fields, 4), mask), factor);
  return _mm256_add_epi32(_mm256_madd_epi16(low, ones), _mm256_slli_epi32(_mm256_madd_epi16(high, ones), 4));
}

/// One panel's sums for kRows rows; sums [kRows, 16].
template <int kBits, int kRows>
KDQAT_AVX2 void sum_panel(const std::byte* codes, std::int64_t stride, const std::byte* panel,
                          std::int64_t lines, std::int32_t* out) {
  constexpr int kFields = 8 / kBits;
  __m256i sums[kRows][2];
  for (int row = 0; row < kRows; ++row) sums[row][0] = sums[row][1] = _mm256_setzero_si256();
  for (std::int64_t q = 0; q < lines; ++q, panel += kLineBytes) {
    const auto* halves = reinterpret_cast<const __m256i*>(panel);
    const __m256i line[2] = {_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
    for (int field = 0; field < kFields; ++field, codes += 4) {
      const __m256i fields[2] = {field_of<kBits>(line[0], field), field_of<kBits>(line[1], field)};
#pragma GCC unroll 4
      for (int row = 0; row < kRows; ++row) {
        std::int32_t four = 0;
        std::memcpy(&four, codes + row * stride, sizeof(four));
        const __m256i factor = _mm256_set1_epi32(four);
        sums[row][0] = _mm256_add_epi32(sums[row][0], sums_of_four<kBits>(fields[0], factor));
        sums[row][1] = _mm256_add_epi32(sums[row][1], sums_of_four<kBits>(fields[1], factor));
      }
    }
  }
  for (int row = 0; row < kRows; ++row) {
    auto* line = reinterpret_cast<__m256i*>(out + row * kPanelRows);
    _mm256_storeu_si256(line, sums[row][0]);
    _mm256_storeu_si256(line + 1, sums[row][1]);
  }
}

template <int kBits, int... kRow>
constexpr std::array<decltype(&sum_panel<kBits, 1>), sizeof...(kRow)> sums_by_rows(
    std::integer_sequence<int, kRow...>) {
  return {sum_panel<kBits, kRow + 1>...};
}

template <int kBits>
KDQAT_AVX2 void multiply_avx2(const GemmBlock& block) {
  static constexpr std::array kSums = sums_by_rows<kBits>(std::make_integer_sequence<int, kPassRows>{});
  std::int32_t sums[kPassRows * kPanelRows];
  for (std::int64_t first_col = 0; first_col < block.cols; first_col += kPanelRows) {
    const std::byte* panel = block.panels + first_col / kPanelRows * block.panel_stride;
    for (std::int64_t first = 0; first < block.rows; first += kPassRows) {
      const std::int64_t rows = std::min<std::int64_t>(kPassRows, block.rows - first);
      kSums[static_cast<std::size_t>(rows - 1)](block.left + first * block.row_stride, block.row_stride,
                                                panel, block.lines, sums);
      for (std::int64_t row = 0; row < rows; ++row) {
        finish_row(block, first + row, first_col, sums + row * kPanelRows);
      }
    }
  }
}

}  // namespace

GemmKernel avx2_kernel(int bits) {
  return {.multiply = bits == 2   ? multiply_avx2<2>
                      : bits == 4 ? multiply_avx2<4>
                                  : multiply_avx2<8>,
          .read_bytes = kPanelColumns};
}

}  // namespace kdqat::kernels

#endif
