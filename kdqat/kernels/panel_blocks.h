#pragma once

#include <algorithm>
#include <cstdint>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/panels.h"

namespace kdqat::kernels {

/// Rows of activations that a kernel multiplies at a time, at most: with two panels, 16 sums of AVX-512.
inline constexpr std::int64_t kBlockRows = 8;

/// Panels that a kernel multiplies at a time, at most.
inline constexpr std::int64_t kBlockPanels = 2;

/// Rows whose factors stay in a core's cache while all panels pass by.
inline constexpr std::int64_t kGroupRows = 8 * kBlockRows;

/// Multiplications that are worth a thread.
inline constexpr std::int64_t kGrainProducts = 1 << 19;

/// body(first_row, rows, first_panel) for blocks that cover `rows` x `panels`, in parallel: kBlockRows rows
/// (the last has fewer), kBlockPanels panels each (the last may have fewer).
template <typename Body>
void for_panel_blocks(std::int64_t rows, std::int64_t panels, std::int64_t cols, const Body& body) {
  if (rows == 0 || panels == 0) return;
  const std::int64_t groups = (rows + kGroupRows - 1) / kGroupRows;
  const std::int64_t pairs = (panels + kBlockPanels - 1) / kBlockPanels;
  const std::int64_t products = std::max<std::int64_t>(1, rows / groups * kBlockPanels * kPanelRows * cols);
  base::parallel_for(0, groups * pairs, std::max<std::int64_t>(1, kGrainProducts / products),
                     [&](std::int64_t first, std::int64_t last) {
                       for (std::int64_t task = first; task < last; ++task) {
                         const std::int64_t first_row = task / pairs * kGroupRows;
                         const std::int64_t last_row = std::min(rows, first_row + kGroupRows);
                         for (std::int64_t row = first_row; row < last_row; row += kBlockRows) {
                           body(row, std::min(kBlockRows, last_row - row), task % pairs * kBlockPanels);
                         }
                       }
                     });
}

}  // namespace kdqat::kernels
