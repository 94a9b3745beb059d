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

/// Rows whose factors stay in a core's cache while all panels pass by kernels of vectors.
inline constexpr std::int64_t kGroupRows = 8 * kBlockRows;

/// Multiplications that are worth a thread.
inline constexpr std::int64_t kGrainProducts = 1 << 19;

/// `count` rounded up to whole multiples of `unit`.
constexpr std::int64_t round_up(std::int64_t count, std::int64_t unit) {
  return (count + unit - 1) / unit * unit;
}

/// How a kernel takes a grid of rows times panels.
struct BlockPlan {
  std::int64_t block_rows = kBlockRows;  ///< rows that it takes at a time, at most; a divisor of group_rows
  std::int64_t group_rows =
      kGroupRows;  ///< rows that stay in a core's cache while all panels pass by, at most
  std::int64_t group_unit = kBlockRows;  ///< groups are multiples of so many rows
  void (*start)() = nullptr;             ///< called in a thread before its blocks
  void (*finish)() = nullptr;            ///< and after them
};

/// Calls start and finish of a plan around the blocks of a thread.
class BlockSession {
 public:
  explicit BlockSession(const BlockPlan& plan) : finish_(plan.finish) {
    if (plan.start != nullptr) plan.start();
  }
  ~BlockSession() {
    if (finish_ != nullptr) finish_();
  }
  BlockSession(const BlockSession&) = delete;
  BlockSession& operator=(const BlockSession&) = delete;

 private:
  void (*finish_)();
};

struct PanelGrid {
  std::int64_t rows = 0;
  std::int64_t panels = 0;
  std::int64_t cols = 0;  ///< terms of a sum
};

/// body(first_row, rows, first_panel) for blocks that cover the grid, in parallel: block_rows rows (the last
/// has fewer), kBlockPanels panels each (the last may have fewer).
template <typename Body>
void for_panel_blocks(const PanelGrid& grid, const BlockPlan& plan, const Body& body) {
  if (grid.rows == 0 || grid.panels == 0) return;
  // Groups of about as many rows, so that threads have as much to do.
  const std::int64_t wanted_groups = (grid.rows + plan.group_rows - 1) / plan.group_rows;
  const std::int64_t group_rows = round_up((grid.rows + wanted_groups - 1) / wanted_groups, plan.group_unit);
  const std::int64_t groups = (grid.rows + group_rows - 1) / group_rows;
  const std::int64_t pairs = (grid.panels + kBlockPanels - 1) / kBlockPanels;
  const std::int64_t products =
      std::max<std::int64_t>(1, grid.rows / groups * kBlockPanels * kPanelRows * grid.cols);
  base::parallel_for(0, groups * pairs, std::max<std::int64_t>(1, kGrainProducts / products),
                     [&](std::int64_t first, std::int64_t last) {
                       const BlockSession session(plan);
                       for (std::int64_t task = first; task < last; ++task) {
                         const std::int64_t first_row = task / pairs * group_rows;
                         const std::int64_t last_row = std::min(grid.rows, first_row + group_rows);
                         for (std::int64_t row = first_row; row < last_row; row += plan.block_rows) {
                           body(row, std::min(plan.block_rows, last_row - row), task % pairs * kBlockPanels);
                         }
                       }
                     });
}

}  // namespace kdqat::kernels
