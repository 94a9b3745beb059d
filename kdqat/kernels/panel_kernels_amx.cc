#include "kdqat/kernels/panel_kernels.h"

#if defined(__x86_64__)

#include <algorithm>
#include <array>

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

/// Codes of the tile of rows that begins with `row`.
const std::int8_t* tile_codes(const PanelBlock& block, std::int64_t row) {
  return row + kTileRows <= block.rows ? block.codes + row * block.stride : block.last_rows;
}

template <int kBits>
KDQAT_AMX void multiply_amx(const PanelBlock& block) {
  if (block.rows <= kFewRows) {
    avx512_panel_kernel(kBits).multiply(block);
    return;
  }
  constexpr std::int64_t kLineColumns = 32 / kBits;
  constexpr std::int64_t kChunkLines = kChunkTiles * kTileColumns / kLineColumns;
  const bool two_panels = block.cols > kPanelRows;
  std::array<TileSums<std::int32_t>, kTileGroupRows / kTileBlockRows> all_sums;
  FieldTile right[kBlockPanels * kChunkTiles];
  for (std::int64_t line = 0; line < block.lines; line += kChunkLines) {
    const std::int64_t lines = std::min(kChunkLines, block.lines - line);
    const std::int64_t tiles = (lines * kLineColumns + kTileColumns - 1) / kTileColumns;
    const std::int64_t first_code = line * kLineColumns;
    const std::uint8_t* panel = block.panels + line * kLineBytes;
    spread<kBits>(panel, lines, tiles, right[0].bytes);
    if (two_panels) spread<kBits>(panel + block.panel_bytes, lines, tiles, right[tiles].bytes);
    finish_writes();
    for (std::int64_t first = 0; first < block.rows; first += kTileBlockRows) {
      const std::int64_t rows = std::min(block.rows - first, kTileBlockRows);
      const bool last = line + lines == block.lines;
      if (last && block.fresh_out) prefetch_outputs(block, first, rows);
      TileSums<std::int32_t>& sums = all_sums[static_cast<std::size_t>(first / kTileBlockRows)];
      multiply_tiles<TileElement::kByte>(
          {.left = tile_codes(block, first) + first_code,
           .second_left = rows > kTileRows ? tile_codes(block, first + kTileRows) + first_code : nullptr,
           .row_stride = block.stride,
           .left_step = kTileColumns,
           .right = right[0].bytes,
           .next_panel = tiles * kTileBytes,
           .steps = tiles,
           .accumulate = line > 0},
          rows, two_panels, sums);
      if (!last) continue;
      for (std::int64_t row = 0; row < rows; ++row) {
        finish_panel(block, first + row, 0, _mm512_load_si512(sums.row(row, 0)));
        if (two_panels) finish_panel(block, first + row, 1, _mm512_load_si512(sums.row(row, 1)));
      }
    }
  }
}

}  // namespace

PanelKernel amx_panel_kernel(int bits) {
  return {.multiply = bits == 2   ? multiply_amx<2>
                      : bits == 4 ? multiply_amx<4>
                                  : multiply_amx<8>,
          .plan = tile_plan(),
          .columns = kTileColumns,
          .tile_rows = kTileRows};
}

}  // namespace kdqat::kernels

#endif
