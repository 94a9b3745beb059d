#pragma once

#include <algorithm>
#include <cstdint>

#include "kdqat/kernels/panel_blocks.h"

namespace kdqat::kernels {

/// One block of multiply_panels: `rows` rows of activations against one or two panels.
struct PanelBlock {
  const std::int8_t* codes = nullptr;  ///< [rows, stride], zeros behind the columns
  std::int64_t stride = 0;
  /// [PanelKernel::tile_rows, stride]: the rows behind the last whole tile, where there may be nothing to
  /// read behind `codes`; else nullptr.
  const std::int8_t* last_rows = nullptr;
  std::int64_t rows = 0;                      ///< 1 .. block_rows of the plan
  const std::int32_t* corrections = nullptr;  ///< [rows]: the offset of the weights' fields times a row's sum
  const float* row_scales = nullptr;          ///< [rows]
  const std::uint8_t* panels = nullptr;
  std::int64_t panel_bytes = 0;
  std::int64_t lines = 0;
  std::int64_t cols = 0;              ///< outputs, 1 .. kBlockPanels * kPanelRows
  const float* col_scales = nullptr;  ///< [cols]
  const float* bias = nullptr;        ///< [cols]
  float* out = nullptr;               ///< [rows, out_stride]
  std::int64_t out_stride = 0;
  bool fresh_out = false;  ///< of PanelProduct
};

/// From the sums of one row and one panel, whose first output is `first_col`, to floats. Inlined by force, so
/// that it is compiled for the instruction set of its caller.
__attribute__((always_inline)) inline void finish_row(const PanelBlock& block, std::int64_t row,
                                                      std::int64_t first_col, const std::int32_t* sums) {
  const std::int64_t width = std::min(kPanelRows, block.cols - first_col);
  float* out = block.out + row * block.out_stride + first_col;
  const float row_scale = block.row_scales[row];
  const std::int32_t correction = block.corrections[row];
  for (std::int64_t i = 0; i < width; ++i) {
    const float scale = row_scale * block.col_scales[first_col + i];
    out[i] = static_cast<float>(sums[i] - correction) * scale + block.bias[first_col + i];
  }
}

struct PanelKernel {
  /// out = float(sum - correction) * (row_scale * col_scale) + bias.
  void (*multiply)(const PanelBlock& block) = nullptr;

  BlockPlan plan = {};
  std::int64_t columns = kPanelColumns;  ///< codes of a row are read up to a whole multiple of this
  std::int64_t tile_rows = 1;            ///< rows that are read at a time
};

/// The kernel of each instruction set for weights of `bits` bits.
PanelKernel scalar_panel_kernel(int bits);
#if defined(__x86_64__)
PanelKernel avx2_panel_kernel(int bits);
PanelKernel avx512_panel_kernel(int bits);
PanelKernel amx_panel_kernel(int bits);
#elif defined(__aarch64__)
PanelKernel neon_panel_kernel(int bits);
#endif

}  // namespace kdqat::kernels
