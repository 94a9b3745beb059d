#include <algorithm>
#include <array>
#include <utility>

#include "kdqat/kernels/gemm/amx_tiles.h"
#include "kdqat/kernels/gemm/avx512.h"

#if defined(__x86_64__)

namespace kdqat::kernels {
namespace {

/// Fewer rows of codes are faster in vectors: the panels are not spread for them.
constexpr std::int64_t kFewRows = kBlockRows;

/// Lines of a panel in a right tile.
constexpr std::int64_t kTileLines = kTileBytes / kLineBytes;

/// Right tiles of one or two panels.
struct alignas(kLineBytes) RightTiles {
  std::byte bytes[kBlockPanels * kChunkTiles * kTileBytes];
};

template <typename Element, int... kSlice>
KDQAT_AMX_INLINE void spread_line(__m512i line, std::byte* out, std::integer_sequence<int, kSlice...>) {
  (_mm512_store_si512(out + kSlice * kLineBytes, Element::template right<kSlice>(line)), ...);
}

/// The slices of a panel's lines one by one, zeros behind them up to whole tiles.
template <typename Element>
KDQAT_AMX_INLINE void spread(const std::byte* panel, std::int64_t lines, std::int64_t tiles, std::byte* out) {
  const std::byte* end = out + tiles * kTileBytes;
  for (std::int64_t q = 0; q < lines; ++q, panel += kLineBytes, out += Element::kSlices * kLineBytes) {
    spread_line<Element>(_mm512_loadu_si512(panel), out, std::make_integer_sequence<int, Element::kSlices>{});
  }
  for (; out != end; out += kLineBytes) _mm512_store_si512(out, _mm512_setzero_si512());
}

/// The left tiles of the rows that begin with `row`, a multiple of kTileRows.
const std::byte* tiles_of_rows(const GemmBlock& block, std::int64_t row) {
  const bool whole = row + kTileRows <= block.rows || block.last_rows == nullptr;
  return whole ? block.left + row / kTileRows * block.tile_row_stride : block.last_rows;
}

template <typename Element>
KDQAT_AMX void multiply_amx(const GemmBlock& block) {
  constexpr std::int64_t kChunkLines = kChunkTiles * kTileLines / Element::kSlices;
  const bool two_panels = block.cols > kPanelRows;
  std::array<TileSums<typename Element::Value>, kTileGroupRows / kTileBlockRows> all_sums;
  RightTiles spread_tiles;
  for (std::int64_t line = 0; line < block.lines; line += kChunkLines) {
    const std::int64_t lines = std::min(kChunkLines, block.lines - line);
    const std::int64_t first_tile = line * Element::kSlices / kTileLines;
    const std::int64_t tiles = (lines * Element::kSlices + kTileLines - 1) / kTileLines;
    const std::byte* right = block.panels + line * kLineBytes;
    std::int64_t next_panel = block.panel_stride;
    if constexpr (Element::kTile == TileElement::kByte) {
      spread<Element>(right, lines, tiles, spread_tiles.bytes);
      next_panel = tiles * kTileBytes;
      if (two_panels)
        spread<Element>(right + block.panel_stride, lines, tiles, spread_tiles.bytes + next_panel);
      finish_writes();
      right = spread_tiles.bytes;
    }
    for (std::int64_t first = 0; first < block.rows; first += kTileBlockRows) {
      const std::int64_t rows = std::min(block.rows - first, kTileBlockRows);
      const bool last = line + lines == block.lines;
      if (last && block.prefetch_out) prefetch_outputs(block, first, rows);
      auto& sums = all_sums[static_cast<std::size_t>(first / kTileBlockRows)];
      const std::int64_t left_offset = first_tile * block.tile_stride;
      multiply_tiles<Element::kTile>(
          {.left = tiles_of_rows(block, first) + left_offset,
           .second_left = rows > kTileRows ? tiles_of_rows(block, first + kTileRows) + left_offset : nullptr,
           .row_stride = block.row_stride,
           .left_step = block.tile_stride,
           .right = right,
           .next_panel = next_panel,
           .steps = tiles,
           .accumulate = line > 0},
          rows, two_panels, sums);
      if (!last) continue;
      for (std::int64_t row = 0; row < rows; ++row) {
        finish_panel(block, first + row, 0, Element::load(sums.row(row, 0)));
        if (two_panels) finish_panel(block, first + row, 1, Element::load(sums.row(row, 1)));
      }
    }
  }
}

template <int kBits>
void multiply_codes(const GemmBlock& block) {
  block.rows <= kFewRows ? avx512_kernel(kBits).multiply(block) : multiply_amx<Codes<kBits>>(block);
}

}  // namespace

GemmKernel amx_kernel(int bits) {
  return {.multiply = bits == 2   ? multiply_codes<2>
                      : bits == 4 ? multiply_codes<4>
                                  : multiply_codes<8>,
          .plan = tile_plan(),
          .read_bytes = kLineBytes,
          .tile_rows = kTileRows};
}

GemmKernel amx_bf16_kernel() {
  return {
      .multiply = multiply_amx<Bf16>, .plan = tile_plan(), .read_bytes = kLineBytes, .tile_rows = kTileRows};
}

}  // namespace kdqat::kernels

#endif
