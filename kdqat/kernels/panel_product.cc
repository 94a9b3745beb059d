#include "kdqat/kernels/panel_product.h"

#include <algorithm>

#include "kdqat/base/aligned.h"
#include "kdqat/base/error.h"
#include "kdqat/kernels/panel_kernels.h"
#include "kdqat/kernels/whole_columns.h"
#include "kdqat/simd/multiversion.h"

namespace kdqat::kernels {
namespace {

PanelKernel kernel_of(simd::InstructionSet set, int bits) {
  if (bits != 2 && bits != 4 && bits != 8) {
    throw base::InvalidArgument(base::concat("multiply_panels: expected 2, 4 or 8 bits, found ", bits));
  }
  if (!is_available(set)) {
    throw base::InvalidArgument(
        base::concat("multiply_panels: this processor has no ", name_of(set), " products"));
  }
  switch (set) {
#if defined(__x86_64__)
    case simd::InstructionSet::kAvx2:
      return avx2_panel_kernel(bits);
    case simd::InstructionSet::kAvx512Vnni:
      return avx512_panel_kernel(bits);
    case simd::InstructionSet::kAmx:
      return amx_panel_kernel(bits);
#elif defined(__aarch64__)
    case simd::InstructionSet::kNeon:
      return neon_panel_kernel(bits);
#endif
    default:
      return scalar_panel_kernel(bits);
  }
}

KDQAT_MULTIVERSION
std::int32_t sum_of_codes(const std::int8_t* codes, std::int64_t count) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += codes[i];
  return sum;
}

/// What the rows of a product are multiplied with, ready for the kernels.
struct PreparedRows {
  const std::int8_t* codes = nullptr;
  std::int64_t stride = 0;
  base::AlignedVector<std::int8_t> padded;        ///< a copy, where columns have to be filled up
  base::AlignedVector<std::int8_t> last_tile;     ///< a copy of the rows behind the last whole tile
  const std::int8_t* last_rows = nullptr;         ///< it, if there are any
  base::AlignedVector<std::int32_t> corrections;  ///< [rows]
  base::AlignedVector<float> scales;              ///< [rows]
  base::AlignedVector<float> col_scales;          ///< [N], where there is one for all
};

void prepare(const PanelProduct& product, const PanelKernel& kernel, PreparedRows& rows) {
  const std::int64_t cols = product.weights.cols;
  rows.stride = round_up(cols, kernel.columns);
  const RowsToFill shape{.rows = product.rows, .cols = cols, .stride = rows.stride};
  rows.codes = with_whole_columns(product.codes, shape, rows.padded);
  rows.last_rows = last_tile_of(rows.codes, shape, kernel.tile_rows, rows.last_tile);
  rows.corrections.resize(static_cast<std::size_t>(product.rows));
  rows.scales.resize(static_cast<std::size_t>(product.rows));
  for (std::int64_t row = 0; row < product.rows; ++row) {
    const auto i = static_cast<std::size_t>(row);
    rows.corrections[i] = product.weights.offset() * sum_of_codes(product.codes + row * cols, cols);
    rows.scales[i] = product.row_scales[product.row_scales_count == 1 ? 0 : row];
  }
  if (product.col_scales_count == 1) {
    rows.col_scales.assign(static_cast<std::size_t>(product.weights.rows), product.col_scales[0]);
  }
}

}  // namespace

void multiply_panels(const PanelProduct& product, float* out, simd::InstructionSet set) {
  const PanelKernel kernel = kernel_of(set, product.weights.bits);
  thread_local PreparedRows buffer;
  prepare(product, kernel, buffer);
  const PreparedRows& rows = buffer;  // of this thread, in every other too
  const PanelShape& shape = product.weights;
  const float* col_scales = product.col_scales_count == 1 ? rows.col_scales.data() : product.col_scales;
  for_panel_blocks({.rows = product.rows, .panels = shape.panels(), .cols = shape.cols}, kernel.plan,
                   [&](std::int64_t row, std::int64_t count, std::int64_t panel) {
                     const std::int64_t col = panel * kPanelRows;
                     kernel.multiply({.codes = rows.codes + row * rows.stride,
                                      .stride = rows.stride,
                                      .last_rows = row + count == product.rows ? rows.last_rows : nullptr,
                                      .rows = count,
                                      .corrections = rows.corrections.data() + row,
                                      .row_scales = rows.scales.data() + row,
                                      .panels = product.panels + panel * shape.panel_bytes(),
                                      .panel_bytes = shape.panel_bytes(),
                                      .lines = shape.lines(),
                                      .cols = std::min(kBlockPanels * kPanelRows, shape.rows - col),
                                      .col_scales = col_scales + col,
                                      .bias = product.bias + col,
                                      .out = out + row * shape.rows + col,
                                      .out_stride = shape.rows,
                                      .fresh_out = product.fresh_out});
                   });
}

}  // namespace kdqat::kernels
