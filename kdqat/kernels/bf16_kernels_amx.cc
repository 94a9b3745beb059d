#include "kdqat/kernels/bf16_kernels.h"

#if defined(__x86_64__)

#include <algorithm>
#include <array>

#include "kdqat/kernels/amx_tiles.h"
#include "kdqat/kernels/avx512_panels.h"

namespace kdqat::kernels {
namespace {

constexpr auto kElementBytes = static_cast<std::int64_t>(sizeof(std::uint16_t));

/// The tile of the rows that begin with `row`, a multiple of kTileRows.
const std::uint16_t* tile_of_rows(const Bf16Block& block, std::int64_t row) {
  const bool whole = row + kTileRows <= block.rows || block.last_rows == nullptr;
  return whole ? block.x + row / kTileRows * block.next_rows : block.last_rows;
}

KDQAT_AMX void multiply_amx(const Bf16Block& block) {
  const bool two_panels = block.cols > kPanelRows;
  const std::int64_t tiles = (block.pairs + kTilePairs - 1) / kTilePairs;
  std::array<TileSums<float>, kTileGroupRows / kTileBlockRows> all_sums;
  for (std::int64_t tile = 0; tile < tiles; tile += kChunkTiles) {
    const std::int64_t steps = std::min(kChunkTiles, tiles - tile);
    for (std::int64_t first = 0; first < block.rows; first += kTileBlockRows) {
      const std::int64_t rows = std::min(block.rows - first, kTileBlockRows);
      const bool last = tile + steps == tiles;
      if (last) prefetch_outputs(block, first, rows);
      TileSums<float>& sums = all_sums[static_cast<std::size_t>(first / kTileBlockRows)];
      multiply_tiles<TileElement::kBf16>(
          {.left = tile_of_rows(block, first) + tile * block.tile_stride,
           .second_left =
               rows > kTileRows ? tile_of_rows(block, first + kTileRows) + tile * block.tile_stride : nullptr,
           .row_stride = block.row_stride * kElementBytes,
           .left_step = block.tile_stride * kElementBytes,
           .right = reinterpret_cast<const std::byte*>(block.panels) + tile * kTileBytes,
           .next_panel = block.panel_stride * kElementBytes,
           .steps = steps,
           .accumulate = tile > 0},
          rows, two_panels, sums);
      if (!last) continue;
      for (std::int64_t row = 0; row < rows; ++row) {
        finish_panel(block, first + row, 0, _mm512_load_ps(sums.row(row, 0)));
        if (two_panels) finish_panel(block, first + row, 1, _mm512_load_ps(sums.row(row, 1)));
      }
    }
  }
}

}  // namespace

Bf16Kernel amx_bf16_kernel() {
  return {.multiply = multiply_amx, .plan = tile_plan(), .columns = 2 * kTilePairs, .tile_rows = kTileRows};
}

}  // namespace kdqat::kernels

#endif
