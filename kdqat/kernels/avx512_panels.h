#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

#include "kdqat/kernels/panel_kernels.h"

#define KDQAT_AVX512_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define KDQAT_AVX512_VNNI_INLINE KDQAT_AVX512_VNNI __attribute__((always_inline)) inline

namespace kdqat::kernels {

/// As _mm512_cvtepi32_ps, in which GCC 12 sees a value that was never set (GCC bug 105593).
KDQAT_AVX512_VNNI_INLINE __m512 as_floats(__m512i integers) {
  typedef std::int32_t Integers __attribute__((vector_size(64)));
  typedef float Floats __attribute__((vector_size(64)));
  return reinterpret_cast<__m512>(__builtin_convertvector(reinterpret_cast<Integers>(integers), Floats));
}

/// The field of each byte of a line that belongs to the columns 4 field .. 4 field + 3 of the line.
template <int kBits, int kField>
KDQAT_AVX512_VNNI_INLINE __m512i line_field(__m512i line) {
  if constexpr (kBits == 8) return line;
  return _mm512_and_si512(_mm512_srli_epi16(line, kBits * kField),
                          _mm512_set1_epi8(static_cast<char>((1 << kBits) - 1)));
}

/// The outputs of one panel for one row.
KDQAT_AVX512_VNNI_INLINE void finish_panel(const PanelBlock& block, std::int64_t row, std::int64_t panel,
                                           __m512i sum) {
  const std::int64_t col = panel * kPanelRows;
  const std::int64_t width = block.cols - col;
  const auto mask = static_cast<__mmask16>(width >= kPanelRows ? 0xFFFF : (1 << width) - 1);
  const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(block.row_scales[row]),
                                     _mm512_maskz_loadu_ps(mask, block.col_scales + col));
  const __m512 value = as_floats(_mm512_sub_epi32(sum, _mm512_set1_epi32(block.corrections[row])));
  _mm512_mask_storeu_ps(
      block.out + row * block.out_stride + col, mask,
      _mm512_add_ps(_mm512_mul_ps(value, scale), _mm512_maskz_loadu_ps(mask, block.bias + col)));
}

}  // namespace kdqat::kernels

#endif
