#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

#include "kdqat/kernels/gemm/block.h"

// What kernels of AVX-512 and of AMX share: the elements, and the way from sums to outputs.

/// Codes and bfloat16 have one target, so that both can be inlined into one loop. An instruction of
/// AVX512_BF16 or VNNI stands only where it is asked for: processors without the first multiply codes all the
/// same.
#define KDQAT_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,avx512bf16")))
#define KDQAT_AVX512_INLINE KDQAT_AVX512 __attribute__((always_inline)) inline

namespace kdqat::kernels {

enum class TileElement {
  kByte,  ///< left signed, right unsigned; sums int32
  kBf16,  ///< sums float32
};

/// As _mm512_cvtepi32_ps, in which GCC 12 sees a value that was never set (GCC bug 105593).
KDQAT_AVX512_INLINE __m512 as_floats(__m512i integers) {
  typedef std::int32_t Integers __attribute__((vector_size(64)));
  typedef float Floats __attribute__((vector_size(64)));
  return reinterpret_cast<__m512>(__builtin_convertvector(reinterpret_cast<Integers>(integers), Floats));
}

/// Codes of a row against the fields of kBits bits of a panel's lines.
template <int kBits>
struct Codes {
  static constexpr TileElement kTile = TileElement::kByte;
  using Value = std::int32_t;
  using Sums = __m512i;
  static constexpr int kSlices = 8 / kBits;  ///< of a line

  /// The fields of a slice as bytes.
  template <int kSlice>
  KDQAT_AVX512_INLINE static __m512i right(__m512i line) {
    if constexpr (kBits == 8) return line;
    return _mm512_and_si512(_mm512_srli_epi16(line, kBits * kSlice),
                            _mm512_set1_epi8(static_cast<char>((1 << kBits) - 1)));
  }
  /// sums + the products of a slice; `left` is that of one row in every lane.
  KDQAT_AVX512_INLINE static Sums add(Sums sums, __m512i left, __m512i right) {
    return _mm512_dpbusd_epi32(sums, right, left);
  }
  KDQAT_AVX512_INLINE static Sums load(const Value* sums) { return _mm512_load_si512(sums); }
};

/// bfloat16 against a panel's lines of it.
struct Bf16 {
  static constexpr TileElement kTile = TileElement::kBf16;
  using Value = float;
  using Sums = __m512;
  static constexpr int kSlices = 1;

  template <int kSlice>
  KDQAT_AVX512_INLINE static __m512i right(__m512i line) {
    return line;
  }
  KDQAT_AVX512_INLINE static Sums add(Sums sums, __m512i left, __m512i right) {
    return _mm512_dpbf16_ps(sums, reinterpret_cast<__m512bh>(left), reinterpret_cast<__m512bh>(right));
  }
  KDQAT_AVX512_INLINE static Sums load(const Value* sums) { return _mm512_load_ps(sums); }
};

/// Which of a panel's outputs there are, of `cols` from the first panel of a block on.
KDQAT_AVX512_INLINE __mmask16 present_columns(std::int64_t cols, std::int64_t panel) {
  const std::int64_t width = cols - panel * kPanelRows;
  return static_cast<__mmask16>(width >= kPanelRows ? 0xFFFF : (1 << width) - 1);
}

/// The outputs of one panel for one row: codes.
KDQAT_AVX512_INLINE void finish_panel(const GemmBlock& block, std::int64_t row, std::int64_t panel,
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

/// bfloat16.
KDQAT_AVX512_INLINE void finish_panel(const GemmBlock& block, std::int64_t row, std::int64_t panel,
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
