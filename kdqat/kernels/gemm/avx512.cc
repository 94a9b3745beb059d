#include "kdqat/kernels/gemm/avx512.h"

#if defined(__x86_64__)

#include <array>
#include <cstring>
#include <utility>

namespace kdqat::kernels {
namespace {

/// Indices of rows and slices as constants, so that sums in an array become registers.
template <int kCount>
using Each = std::make_integer_sequence<int, kCount>;

/// A slice of a row, in every lane.
KDQAT_AVX512_INLINE __m512i slice_of(const std::byte* row) {
  std::int32_t slice = 0;
  std::memcpy(&slice, row, sizeof(slice));
  return _mm512_set1_epi32(slice);
}

/// Adds the products of a slice of one row.
template <typename Element, int kRow, int kPanels, int kSums>
KDQAT_AVX512_INLINE void add_row(const std::byte* left, std::int64_t stride, const __m512i (&right)[2],
                                 typename Element::Sums (&sums)[kSums]) {
  const __m512i slice = slice_of(left + kRow * stride);
  sums[kRow * kPanels] = Element::add(sums[kRow * kPanels], slice, right[0]);
  if constexpr (kPanels == 2)
    sums[kRow * kPanels + 1] = Element::add(sums[kRow * kPanels + 1], slice, right[1]);
}

/// Adds the products of a slice of all rows.
template <typename Element, int kSlice, int kPanels, int kSums, int... kRow>
KDQAT_AVX512_INLINE void add_slice(const std::byte* left, std::int64_t stride, const __m512i (&lines)[2],
                                   typename Element::Sums (&sums)[kSums],
                                   std::integer_sequence<int, kRow...>) {
  const __m512i right[2] = {Element::template right<kSlice>(lines[0]),
                            Element::template right<kSlice>(lines[1])};
  (add_row<Element, kRow, kPanels>(left + kSliceBytes * kSlice, stride, right, sums), ...);
}

template <typename Element, int kPanels, int kSums, typename EachRow, int... kSlice>
KDQAT_AVX512_INLINE void add_line(const std::byte* left, std::int64_t stride, const __m512i (&lines)[2],
                                  typename Element::Sums (&sums)[kSums], EachRow each_row,
                                  std::integer_sequence<int, kSlice...>) {
  (add_slice<Element, kSlice, kPanels>(left, stride, lines, sums, each_row), ...);
}

template <int kPanels, typename Sums, int kSums, int... kRow>
KDQAT_AVX512_INLINE void finish_rows(const GemmBlock& block, const Sums (&sums)[kSums],
                                     std::integer_sequence<int, kRow...>) {
  (finish_panel(block, kRow, 0, sums[kRow * kPanels]), ...);
  if constexpr (kPanels == 2) (finish_panel(block, kRow, 1, sums[kRow * kPanels + 1]), ...);
}

template <typename Element, int kRows, int kPanels>
KDQAT_AVX512 void multiply_rows(const GemmBlock& block) {
  typename Element::Sums sums[kRows * kPanels] = {};
  const std::int64_t stride = block.row_stride;
  const std::int64_t step = Element::kSlices == 1 ? block.slice_stride : kSliceBytes * Element::kSlices;
  const std::byte* left = block.left;
  const std::byte* line = block.panels;
  const std::int64_t second = kPanels == 2 ? block.panel_stride : 0;
  for (std::int64_t q = 0; q < block.lines; ++q, left += step, line += kLineBytes) {
    const __m512i lines[2] = {_mm512_loadu_si512(line), _mm512_loadu_si512(line + second)};
    add_line<Element, kPanels>(left, stride, lines, sums, Each<kRows>{}, Each<Element::kSlices>{});
  }
  finish_rows<kPanels>(block, sums, Each<kRows>{});
}

/// multiply_rows for 1 .. kBlockRows rows.
template <typename Element, int kPanels, int... kRow>
constexpr std::array<void (*)(const GemmBlock&), sizeof...(kRow)> kernels_by_rows(
    std::integer_sequence<int, kRow...>) {
  return {multiply_rows<Element, kRow + 1, kPanels>...};
}

template <typename Element>
void multiply_avx512(const GemmBlock& block) {
  static constexpr std::array kOne = kernels_by_rows<Element, 1>(Each<kBlockRows>{});
  static constexpr std::array kTwo = kernels_by_rows<Element, 2>(Each<kBlockRows>{});
  (block.cols > kPanelRows ? kTwo : kOne)[static_cast<std::size_t>(block.rows - 1)](block);
}

}  // namespace

GemmKernel avx512_kernel(int bits) {
  return {.multiply = bits == 2   ? multiply_avx512<Codes<2>>
                      : bits == 4 ? multiply_avx512<Codes<4>>
                                  : multiply_avx512<Codes<8>>,
          .read_bytes = kPanelColumns};
}

GemmKernel avx512_bf16_kernel() { return {.multiply = multiply_avx512<Bf16>}; }

}  // namespace kdqat::kernels

#endif
