#include "kdqat/kernels/bf16_kernels.h"

#if defined(__x86_64__)

#include <algorithm>

#include "kdqat/kernels/amx_tiles.h"
#include "kdqat/kernels/panel_blocks.h"

namespace kdqat::kernels {
namespace {

template <int kPanels>
KDQAT_AMX_INLINE void finish_rows(const Bf16Block& block, const TileSums<float>& sums) {
  const std::int64_t width = block.cols - (kPanels - 1) * kPanelRows;
  const auto last_mask = static_cast<__mmask16>(width >= kPanelRows ? 0xFFFF : (1 << width) - 1);
  const __mmask16 masks[2] = {kPanels == 2 ? static_cast<__mmask16>(0xFFFF) : last_mask, last_mask};
  __m512 bias[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  for (int panel = 0; panel < kPanels && block.bias != nullptr; ++panel)
    bias[panel] = _mm512_maskz_loadu_ps(masks[panel], block.bias + panel * kPanelRows);
  const std::int64_t rows = block.rows;
  const std::int64_t stride = block.out_stride;
  const bool accumulate = block.accumulate;
  float* out = block.out;
  for (std::int64_t row = 0; row < rows; ++row, out += stride) {
    for (int panel = 0; panel < kPanels; ++panel) {
      float* line = out + panel * kPanelRows;
      __m512 sum = _mm512_add_ps(_mm512_load_ps(sums.row(row, panel)), bias[panel]);
      if (accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(masks[panel], line));
      _mm512_mask_storeu_ps(line, masks[panel], sum);
    }
  }
}

KDQAT_AMX void multiply_amx(const Bf16Block& block) {
  constexpr auto kBytes = static_cast<std::int64_t>(sizeof(std::uint16_t));
  const bool two_panels = block.cols > kPanelRows;
  TilesForRows tiles(block.rows);
  TileSums<float> sums;
  multiply_tiles<TileElement::kBf16>({.left = block.x,
                                      .row_stride = block.row_stride * kBytes,
                                      .left_step = block.tile_stride * kBytes,
                                      .next_rows = block.next_rows * kBytes,
                                      .right = reinterpret_cast<const std::byte*>(block.panels),
                                      .next_panel = block.panel_stride * kBytes,
                                      .steps = (block.pairs + kTilePairs - 1) / kTilePairs},
                                     block.rows, two_panels, sums);
  two_panels ? finish_rows<2>(block, sums) : finish_rows<1>(block, sums);
}

}  // namespace

Bf16Kernel amx_bf16_kernel() {
  return {.multiply = multiply_amx, .plan = tile_plan(kRowTiles * kTileRows), .columns = 2 * kTilePairs};
}

}  // namespace kdqat::kernels

#endif
