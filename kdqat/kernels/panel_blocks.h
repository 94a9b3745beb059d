#pragma once

#include <algorithm>
#include <cstdint>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/panels.h"

namespace kdqat::kernels {

/// Rows of activations that a kernel of vectors multiplies at a time, at most: with two panels, 16 sums of
/// AVX-512.
inline constexpr std::int64_t kBlockRows = 8;

/// Rows that a tile of AMX holds.
inline constexpr std::int64_t kTileRows = 16;

/// Panels that a kernel multiplies at a time, at most.
inline constexpr std::int64_t kBlockPanels = 2;

/// Rows whose factors stay in a core's cache while all panels pass by.
inline constexpr std::int64_t kGroupRows = 8 * kBlockRows;

/// Rows times panels, and how a kernel takes them.
struct PanelGrid {
  std::int64_t rows = 0;
  std::int64_t panels = 0;
  std::int64_t cols = 0;                 ///< terms of a sum
  std::int64_t block_rows = kBlockRows;  ///< at most, a divisor of kGroupRows
  std::int64_t grain = 1 << 19;          ///< multiplications that are worth a thread
};

/// body(first_row, rows, first_panel) for blocks that cover the grid, in parallel: block_rows rows (the last
/// has fewer), kBlockPanels panels each (the last may have fewer).
template <typename Body>
void for_panel_blocks(const PanelGrid& grid, const Body& body) {
  if (grid.rows == 0 || grid.panels == 0) return;
  const std::int64_t groups = (grid.rows + kGroupRows - 1) / kGroupRows;
  const std::int64_t pairs = (grid.panels + kBlockPanels - 1) / kBlockPanels;
  const std::int64_t products =
      std::max<std::int64_t>(1, grid.rows / groups * kBlockPanels * kPanelRows * grid.cols);
  base::parallel_for(0, groups * pairs, std::max<std::int64_t>(1, grid.grain / products),
                     [&](std::int64_t first, std::int64_t last) {
                       for (std::int64_t task = first; task < last; ++task) {
                         const std::int64_t first_row = task / pairs * kGroupRows;
                         const std::int64_t last_row = std::min(grid.rows, first_row + kGroupRows);
                         for (std::int64_t row = first_row; row < last_row; row += grid.block_rows) {
                           body(row, std::min(grid.block_rows, last_row - row), task % pairs * kBlockPanels);
                         }
                       }
                     });
}

}  // namespace kdqat::kernels
