#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

#include "kdqat/kernels/bf16_kernels.h"
#include "kdqat/kernels/panel_kernels.h"

// What kernels of AVX-512 and of AMX share.

#define KDQAT_AVX512_INLINE __attribute__((target("avx512f,avx512bw,avx512vl"), always_inline)) inline

namespace kdqat::kernels {

/// As _mm512_cvtepi32_ps, in which GCC 12 sees a value that was never set (GCC bug 105593).
KDQAT_AVX512_INLINE __m512 as_floats(__m512i integers) {
  typedef std::int32_t Integers __attribute__((vector_size(64)));
  typedef float Floats __attribute__((vector_size(64)));
  return reinterpret_cast<__m512>(__builtin_convertvector(reinterpret_cast<Integers>(integers), Floats));
}

/// The field of each byte of a line that belongs to the columns 4 field .. 4 field + 3 of the line.
template <int kBits, int kField>
KDQAT_AVX512_INLINE __m512i line_field(__m512i line) {
  if constexpr (kBits == 8) return line;
  return _mm512_and_si512(_mm512_srli_epi16(line, kBits * kField),
                          _mm512_set1_epi8(static_cast<char>((1 << kBits) - 1)));
}

/// Which of a panel's outputs there are, of `cols` from the first panel of a block on.
KDQAT_AVX512_INLINE __mmask16 present_columns(std::int64_t cols, std::int64_t panel) {
  const std::int64_t width = cols - panel * kPanelRows;
  return static_cast<__mmask16>(width >= kPanelRows ? 0xFFFF : (1 << width) - 1);
}

/// The outputs of one panel for one row.
KDQAT_AVX512_INLINE void finish_panel(const PanelBlock& block, std::int64_t row, std::int64_t panel,
                                      __m512i sum) {
  const std::int64_t col = panel * kPanelRows;
  const __mmask16 mask = present_columns(block.cols, panel);
  const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(block.row_scales[row]),
                                     _mm512_maskz_loadu_ps(mask, block.col_scales + col));
  const __m512 value = as_floats(_mm512_sub_epi32(sum, _mm512_set1_epi32(block.corrections[row])));
  _mm512_mask_storeu_ps(
      block.out + row * block.out_stride + col, mask,
      _mm512_add_ps(_mm512_mul_ps(value, scale), _mm512_maskz_loadu_ps(mask, block.bias + col)));
}

KDQAT_AVX512_INLINE void finish_panel(const Bf16Block& block, std::int64_t row, std::int64_t panel,
                                      __m512 sum) {
  const std::int64_t col = panel * kPanelRows;
  const __mmask16 mask = present_columns(block.cols, panel);
  float* out = block.out + row * block.out_stride + col;
  if (block.bias != nullptr) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, block.bias + col));
  if (block.accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, out));
  _mm512_mask_storeu_ps(out, mask, sum);
}

}  // namespace kdqat::kernels

#endif
