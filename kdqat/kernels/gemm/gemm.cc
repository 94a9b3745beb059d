#include "kdqat/kernels/gemm/gemm.h"

#include <algorithm>

#include "kdqat/base/parallel.h"

namespace kdqat::kernels {
namespace {

/// Multiplications that are worth a thread.
constexpr std::int64_t kGrainProducts = 1 << 19;

/// Calls start and finish of a plan around the blocks of a thread.
class PlanSession {
 public:
  explicit PlanSession(const GemmPlan& plan) : finish_(plan.finish) {
    if (plan.start != nullptr) plan.start();
  }
  ~PlanSession() {
    if (finish_ != nullptr) finish_();
  }
  PlanSession(const PlanSession&) = delete;
  PlanSession& operator=(const PlanSession&) = delete;

 private:
  void (*finish_)();
};

constexpr std::int64_t ceil_divide(std::int64_t count, std::int64_t size) {
  return (count + size - 1) / size;
}

template <typename Value>
Value* behind(Value* values, std::int64_t count) {
  return values == nullptr ? nullptr : values + count;
}

GemmBlock block_at(const Gemm& gemm, std::int64_t row, std::int64_t rows, std::int64_t panel) {
  const LeftOperand& left = gemm.left;
  const std::int64_t col = panel * kPanelRows;
  return {.left = left.data + row / left.unit_rows * left.unit_stride,
          .rows = rows,
          .row_stride = left.row_stride,
          .slice_stride = left.slice_stride,
          .tile_stride = left.tile_stride,
          .tile_row_stride = kTileRows / left.unit_rows * left.unit_stride,
          .last_rows = row + rows == left.rows ? left.last_rows : nullptr,
          .panels = static_cast<const std::byte*>(gemm.panels) + panel * gemm.panel_stride,
          .panel_stride = gemm.panel_stride,
          .lines = gemm.lines,
          .cols = std::min(kBlockPanels * kPanelRows, gemm.cols - col),
          .out = gemm.out + row * gemm.cols + col,
          .out_stride = gemm.cols,
          .accumulate = gemm.accumulate,
          .prefetch_out = gemm.prefetch_out,
          .bias = behind(gemm.bias, col),
          .corrections = behind(gemm.corrections, row),
          .row_scales = behind(gemm.row_scales, row),
          .col_scales = behind(gemm.col_scales, col)};
}

}  // namespace

LeftOperand left_operand(const void* data, std::int64_t rows, std::int64_t row_bytes,
                         const GemmKernel& kernel, LeftCopies& copies) {
  const std::int64_t stride = round_up(row_bytes, kernel.read_bytes);
  const auto* source = static_cast<const std::byte*>(data);
  LeftOperand left{.data = source, .rows = rows, .row_stride = stride, .unit_stride = stride};
  if (stride != row_bytes) {
    copies.whole_rows.assign(static_cast<std::size_t>(rows * stride), std::byte{});
    for (std::int64_t row = 0; row < rows; ++row) {
      std::copy_n(source + row * row_bytes, row_bytes, copies.whole_rows.data() + row * stride);
    }
    left.data = copies.whole_rows.data();
  }
  const std::int64_t rest = rows % kernel.tile_rows;
  if (rest != 0) {
    copies.last_tile.resize(static_cast<std::size_t>(kernel.tile_rows * stride));
    std::copy_n(left.data + (rows - rest) * stride, rest * stride, copies.last_tile.data());
    left.last_rows = copies.last_tile.data();
  }
  return left;
}

void run_gemm(const GemmKernel& kernel, const Gemm& gemm) {
  const std::int64_t rows = gemm.left.rows;
  if (rows == 0 || gemm.cols == 0) return;
  const GemmPlan& plan = kernel.plan;
  // Groups of about as many rows, so that threads have as much to do.
  const std::int64_t wanted_groups = ceil_divide(rows, plan.group_rows);
  const std::int64_t group_rows = round_up(ceil_divide(rows, wanted_groups), plan.group_unit);
  const std::int64_t groups = ceil_divide(rows, group_rows);
  const std::int64_t pairs = ceil_divide(gemm.cols, kBlockPanels * kPanelRows);
  const std::int64_t products =
      std::max<std::int64_t>(1, rows / groups * kBlockPanels * kPanelRows * gemm.inner);
  base::parallel_for(0, groups * pairs, std::max<std::int64_t>(1, kGrainProducts / products),
                     [&](std::int64_t first, std::int64_t last) {
                       const PlanSession session(plan);
                       for (std::int64_t task = first; task < last; ++task) {
                         const std::int64_t first_row = task / pairs * group_rows;
                         const std::int64_t last_row = std::min(rows, first_row + group_rows);
                         for (std::int64_t row = first_row; row < last_row; row += plan.block_rows) {
                           kernel.multiply(block_at(gemm, row, std::min(plan.block_rows, last_row - row),
                                                    task % pairs * kBlockPanels));
                         }
                       }
                     });
}

}  // namespace kdqat::kernels
