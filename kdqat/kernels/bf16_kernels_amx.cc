#include "kdqat/kernels/bf16_kernels.h"

#if defined(__x86_64__)

#include "kdqat/kernels/amx_tiles.h"
#include "kdqat/kernels/avx512_panels.h"

namespace kdqat::kernels {
namespace {

/// Tiles for fewer rows than the plan's, which must not read behind them, while it lives.
class TilesForRows {
 public:
  explicit TilesForRows(std::int64_t rows) : changed_(rows % kTileRows != 0) {
    if (changed_) configure_tiles(rows);
  }
  ~TilesForRows() {
    if (changed_) configure_tiles(kTileBlockRows);
  }
  TilesForRows(const TilesForRows&) = delete;
  TilesForRows& operator=(const TilesForRows&) = delete;

 private:
  bool changed_;
};

KDQAT_AMX void multiply_amx(const Bf16Block& block) {
  constexpr auto kBytes = static_cast<std::int64_t>(sizeof(std::uint16_t));
  const bool two_panels = block.cols > kPanelRows;
  TilesForRows tiles(block.rows);
  TileSums<float> sums;
  multiply_tiles<TileElement::kBf16>({.left = block.x,
                                      .second_left = block.x + block.next_rows,
                                      .row_stride = block.row_stride * kBytes,
                                      .left_step = block.tile_stride * kBytes,
                                      .right = reinterpret_cast<const std::byte*>(block.panels),
                                      .next_panel = block.panel_stride * kBytes,
                                      .steps = (block.pairs + kTilePairs - 1) / kTilePairs},
                                     block.rows, two_panels, sums);
  for (std::int64_t row = 0; row < block.rows; ++row) {
    finish_panel(block, row, 0, _mm512_load_ps(sums.row(row, 0)));
    if (two_panels) finish_panel(block, row, 1, _mm512_load_ps(sums.row(row, 1)));
  }
}

}  // namespace

Bf16Kernel amx_bf16_kernel() {
  return {.multiply = multiply_amx, .plan = tile_plan(kTileBlockRows), .columns = 2 * kTilePairs};
}

}  // namespace kdqat::kernels

#endif
