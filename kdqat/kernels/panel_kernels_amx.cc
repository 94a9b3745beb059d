#include "kdqat/kernels/panel_kernels.h"

#if defined(__x86_64__)

#include <algorithm>
#include <vector>

#include "kdqat/kernels/amx_tiles.h"
#include "kdqat/kernels/avx512_panels.h"

namespace kdqat::kernels {
namespace {

/// Codes of a row of a left tile.
constexpr std::int64_t kTileColumns = kLineBytes;

/// Fewer rows are faster in vectors: the panels are not spread for them.
constexpr std::int64_t kFewRows = kBlockRows;

struct alignas(kTileBytes) FieldTile {
  std::byte bytes[kTileBytes];
};

/// The fields of a panel as bytes, zeros behind them up to whole tiles.
template <int kBits>
KDQAT_AMX_INLINE void spread(const std::uint8_t* panel, std::int64_t lines, std::int64_t tiles,
                             std::byte* out) {
  const std::byte* end = out + tiles * kTileBytes;
  for (std::int64_t q = 0; q < lines; ++q, panel += kLineBytes) {
    const __m512i line = _mm512_loadu_si512(panel);
    _mm512_store_si512(out, line_field<kBits, 0>(line));
    out += kLineBytes;
    if constexpr (kBits <= 4) {
      _mm512_store_si512(out, line_field<kBits, 1>(line));
      out += kLineBytes;
    }
    if constexpr (kBits == 2) {
      _mm512_store_si512(out, line_field<kBits, 2>(line));
      _mm512_store_si512(out + kLineBytes, line_field<kBits, 3>(line));
      out += 2 * kLineBytes;
    }
  }
  for (; out != end; out += kLineBytes) _mm512_store_si512(out, _mm512_setzero_si512());
}

/// As finish_panel, for `rows` rows from `first` on of `kPanels` panels.
template <int kPanels>
KDQAT_AMX_INLINE void finish_rows(const PanelBlock& block, std::int64_t first, std::int64_t rows,
                                  const TileSums<std::int32_t>& sums) {
  const std::int64_t width = block.cols - (kPanels - 1) * kPanelRows;
  const auto last_mask = static_cast<__mmask16>(width >= kPanelRows ? 0xFFFF : (1 << width) - 1);
  const __mmask16 masks[2] = {kPanels == 2 ? static_cast<__mmask16>(0xFFFF) : last_mask, last_mask};
  __m512 col_scales[2];
  __m512 bias[2];
  for (int panel = 0; panel < kPanels; ++panel) {
    col_scales[panel] = _mm512_maskz_loadu_ps(masks[panel], block.col_scales + panel * kPanelRows);
    bias[panel] = _mm512_maskz_loadu_ps(masks[panel], block.bias + panel * kPanelRows);
  }
  const float* row_scales = block.row_scales + first;
  const std::int32_t* corrections = block.corrections + first;
  const std::int64_t stride = block.out_stride;
  float* out = block.out + first * stride;
  for (std::int64_t row = 0; row < rows; ++row, out += stride) {
    const __m512 row_scale = _mm512_set1_ps(row_scales[row]);
    const __m512i correction = _mm512_set1_epi32(corrections[row]);
    for (int panel = 0; panel < kPanels; ++panel) {
      const __m512i sum = _mm512_load_si512(sums.row(row, panel));
      const __m512 value = as_floats(_mm512_sub_epi32(sum, correction));
      const __m512 scaled = _mm512_mul_ps(value, _mm512_mul_ps(row_scale, col_scales[panel]));
      _mm512_mask_storeu_ps(out + panel * kPanelRows, masks[panel], _mm512_add_ps(scaled, bias[panel]));
    }
  }
}

template <int kBits>
KDQAT_AMX void multiply_amx(const PanelBlock& block) {
  if (block.rows <= kFewRows) {
    avx512_panel_kernel(kBits).multiply(block);
    return;
  }
  const std::int64_t tiles = (block.lines * (32 / kBits) + kTileColumns - 1) / kTileColumns;
  const bool two_panels = block.cols > kPanelRows;
  thread_local std::vector<FieldTile> fields;
  if (fields.size() < static_cast<std::size_t>(2 * tiles)) fields.resize(static_cast<std::size_t>(2 * tiles));
  std::byte* right = fields.data()->bytes;
  spread<kBits>(block.panels, block.lines, tiles, right);
  if (two_panels)
    spread<kBits>(block.panels + block.panel_bytes, block.lines, tiles, right + tiles * kTileBytes);
  finish_writes();

  for (std::int64_t first = 0; first < block.rows; first += kRowTiles * kTileRows) {
    const std::int64_t rows = std::min(block.rows - first, kRowTiles * kTileRows);
    TilesForRows tiles_for_rows(rows);
    TileSums<std::int32_t> sums;
    multiply_tiles<TileElement::kByte>({.left = block.codes + first * block.stride,
                                        .row_stride = block.stride,
                                        .left_step = kTileColumns,
                                        .next_rows = kTileRows * block.stride,
                                        .right = right,
                                        .next_panel = tiles * kTileBytes,
                                        .steps = tiles},
                                       rows, two_panels, sums);
    two_panels ? finish_rows<2>(block, first, rows, sums) : finish_rows<1>(block, first, rows, sums);
  }
}

}  // namespace

PanelKernel amx_panel_kernel(int bits) {
  return {.multiply = bits == 2   ? multiply_amx<2>
                      : bits == 4 ? multiply_amx<4>
                                  : multiply_amx<8>,
          .plan = tile_plan(kTileGroupRows),
          .columns = kTileColumns};
}

}  // namespace kdqat::kernels

#endif
