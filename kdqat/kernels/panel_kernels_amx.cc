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
    for (std::int64_t row = 0; row < rows; ++row) {
      finish_panel(block, first + row, 0, _mm512_load_si512(sums.row(row, 0)));
      if (two_panels) finish_panel(block, first + row, 1, _mm512_load_si512(sums.row(row, 1)));
    }
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
