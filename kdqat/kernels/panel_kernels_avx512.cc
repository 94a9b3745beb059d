#include "kdqat/kernels/panel_kernels.h"

#if defined(__x86_64__)

#include <array>
#include <cstring>
#include <utility>

#include "kdqat/kernels/avx512_panels.h"

#define KDQAT_AVX512_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define KDQAT_AVX512_VNNI_INLINE KDQAT_AVX512_VNNI __attribute__((always_inline)) inline

namespace kdqat::kernels {
namespace {

/// Indices of rows as constants, so that sums in an array become registers.
template <int kRows>
using EachRow = std::make_integer_sequence<int, kRows>;

/// Four codes of a row, in every lane.
KDQAT_AVX512_VNNI_INLINE __m512i four_codes(const std::int8_t* codes) {
  std::int32_t four = 0;
  std::memcpy(&four, codes, sizeof(four));
  return _mm512_set1_epi32(four);
}

/// Adds the products of four columns of one row.
template <int kRow, int kPanels, int kSums>
KDQAT_AVX512_VNNI_INLINE void add_row(const std::int8_t* codes, std::int64_t stride,
                                      const __m512i (&fields)[2], __m512i (&sums)[kSums]) {
  const __m512i factor = four_codes(codes + kRow * stride);
  sums[kRow * kPanels] = _mm512_dpbusd_epi32(sums[kRow * kPanels], fields[0], factor);
  if constexpr (kPanels == 2) {
    sums[kRow * kPanels + 1] = _mm512_dpbusd_epi32(sums[kRow * kPanels + 1], fields[1], factor);
  }
}

/// Adds the products of four columns of all rows.
template <int kBits, int kField, int kPanels, int kSums, int... kRow>
KDQAT_AVX512_VNNI_INLINE void add_field(const std::int8_t* codes, std::int64_t stride,
                                        const __m512i (&lines)[2], __m512i (&sums)[kSums],
                                        std::integer_sequence<int, kRow...>) {
  const __m512i fields[2] = {line_field<kBits, kField>(lines[0]), line_field<kBits, kField>(lines[1])};
  (add_row<kRow, kPanels>(codes + std::ptrdiff_t{4} * kField, stride, fields, sums), ...);
}

template <int kPanels, int kSums, int... kRow>
KDQAT_AVX512_VNNI_INLINE void finish_all(const PanelBlock& block, const __m512i (&sums)[kSums],
                                         std::integer_sequence<int, kRow...>) {
  (finish_panel(block, kRow, 0, sums[kRow * kPanels]), ...);
  if constexpr (kPanels == 2) (finish_panel(block, kRow, 1, sums[kRow * kPanels + 1]), ...);
}

template <int kBits, int kRows, int kPanels>
KDQAT_AVX512_VNNI void multiply_block(const PanelBlock& block) {
  constexpr EachRow<kRows> kEachRow;
  __m512i sums[kRows * kPanels] = {};
  const std::int8_t* codes = block.codes;
  const std::int64_t stride = block.stride;
  const std::uint8_t* line = block.panels;
  const std::int64_t second = kPanels == 2 ? block.panel_bytes : 0;
  for (std::int64_t q = 0; q < block.lines; ++q, codes += 32 / kBits, line += kLineBytes) {
    const __m512i lines[2] = {_mm512_loadu_si512(line), _mm512_loadu_si512(line + second)};
    add_field<kBits, 0, kPanels>(codes, stride, lines, sums, kEachRow);
    if constexpr (kBits <= 4) add_field<kBits, 1, kPanels>(codes, stride, lines, sums, kEachRow);
    if constexpr (kBits == 2) {
      add_field<kBits, 2, kPanels>(codes, stride, lines, sums, kEachRow);
      add_field<kBits, 3, kPanels>(codes, stride, lines, sums, kEachRow);
    }
  }
  finish_all<kPanels>(block, sums, kEachRow);
}

/// multiply_block for 1 .. kBlockRows rows.
template <int kBits, int kPanels, int... kRow>
constexpr std::array<void (*)(const PanelBlock&), sizeof...(kRow)> kernels_by_rows(
    std::integer_sequence<int, kRow...>) {
  return {multiply_block<kBits, kRow + 1, kPanels>...};
}

template <int kBits>
void multiply_avx512(const PanelBlock& block) {
  static constexpr std::array kOne = kernels_by_rows<kBits, 1>(EachRow<kBlockRows>{});
  static constexpr std::array kTwo = kernels_by_rows<kBits, 2>(EachRow<kBlockRows>{});
  (block.cols > kPanelRows ? kTwo : kOne)[static_cast<std::size_t>(block.rows - 1)](block);
}

}  // namespace

PanelKernel avx512_panel_kernel(int bits) {
  return {.multiply = bits == 2 ? multiply_avx512<2> : bits == 4 ? multiply_avx512<4> : multiply_avx512<8>};
}

}  // namespace kdqat::kernels

#endif
