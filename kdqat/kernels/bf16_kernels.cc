#include "kdqat/kernels/bf16_kernels.h"

#include <array>
#include <cstring>
#include <utility>

#include "kdqat/kernels/panel_blocks.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "kdqat/kernels/avx512_panels.h"

#define KDQAT_AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define KDQAT_AVX512_BF16_INLINE KDQAT_AVX512_BF16 __attribute__((always_inline)) inline

namespace kdqat::kernels {
namespace {

/// Two elements of a row, in every lane.
KDQAT_AVX512_BF16_INLINE __m512bh two_elements(const std::uint16_t* x) {
  std::int32_t two = 0;
  std::memcpy(&two, x, sizeof(two));
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(two));
}

/// Adds the products of two columns of one row.
template <int kRow, int kPanels, int kSums>
KDQAT_AVX512_BF16_INLINE void add_row(const std::uint16_t* x, std::int64_t stride,
                                      const __m512bh (&panels)[2], __m512 (&sums)[kSums]) {
  const __m512bh factor = two_elements(x + kRow * stride);
  sums[kRow * kPanels] = _mm512_dpbf16_ps(sums[kRow * kPanels], factor, panels[0]);
  if constexpr (kPanels == 2) {
    sums[kRow * kPanels + 1] = _mm512_dpbf16_ps(sums[kRow * kPanels + 1], factor, panels[1]);
  }
}

template <int kPanels, int... kRow>
KDQAT_AVX512_BF16_INLINE void multiply_rows(const Bf16Block& block, std::integer_sequence<int, kRow...>) {
  constexpr int kRows = sizeof...(kRow);
  __m512 sums[kRows * kPanels] = {};
  const std::int64_t stride = block.row_stride;
  const std::int64_t next = block.pair_stride;
  const std::uint16_t* x = block.x;
  const std::uint16_t* line = block.panels;
  const std::int64_t second = kPanels == 2 ? block.panel_stride : 0;
  for (std::int64_t pair = 0; pair < block.pairs; ++pair, x += next, line += 2 * kPanelRows) {
    const __m512bh panels[2] = {reinterpret_cast<__m512bh>(_mm512_loadu_si512(line)),
                                reinterpret_cast<__m512bh>(_mm512_loadu_si512(line + second))};
    (add_row<kRow, kPanels>(x, stride, panels, sums), ...);
  }
  (finish_panel(block, kRow, 0, sums[kRow * kPanels]), ...);
  if constexpr (kPanels == 2) (finish_panel(block, kRow, 1, sums[kRow * kPanels + 1]), ...);
}

template <int kRows, int kPanels>
KDQAT_AVX512_BF16 void multiply_block(const Bf16Block& block) {
  multiply_rows<kPanels>(block, std::make_integer_sequence<int, kRows>{});
}

template <int kPanels, int... kRow>
constexpr std::array<void (*)(const Bf16Block&), sizeof...(kRow)> kernels_by_rows(
    std::integer_sequence<int, kRow...>) {
  return {multiply_block<kRow + 1, kPanels>...};
}

void multiply_avx512(const Bf16Block& block) {
  constexpr std::make_integer_sequence<int, kBlockRows> kEach;
  static constexpr std::array kOne = kernels_by_rows<1>(kEach);
  static constexpr std::array kTwo = kernels_by_rows<2>(kEach);
  (block.cols > kPanelRows ? kTwo : kOne)[static_cast<std::size_t>(block.rows - 1)](block);
}

}  // namespace

Bf16Kernel avx512_bf16_kernel() { return {.multiply = multiply_avx512}; }

}  // namespace kdqat::kernels

#endif
