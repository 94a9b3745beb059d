#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kdqat/kernels/gemm/panels.h"

namespace kdqat::kernels {

/// What the kernels of each instruction set share: out = left x right^T, left [rows, K] row by row, right [N,
/// K] as panels of 16 rows. K runs in slices of four bytes a row, four codes or two bfloat16; a line of a
/// panel holds a slice of bfloat16 of each of its rows, or 8 / bits slices of codes.

/// Rows that a kernel of vectors multiplies at a time, at most: with two panels, 16 sums of AVX-512.
inline constexpr std::int64_t kBlockRows = 8;

/// Rows that a tile of AMX holds.
inline constexpr std::int64_t kTileRows = 16;

/// Panels that a kernel multiplies at a time, at most.
inline constexpr std::int64_t kBlockPanels = 2;

/// Bytes of a slice.
inline constexpr std::int64_t kSliceBytes = 4;

/// `count` rounded up to whole multiples of `unit`.
constexpr std::int64_t round_up(std::int64_t count, std::int64_t unit) {
  return (count + unit - 1) / unit * unit;
}

/// One block: some rows of the left operand against one or two panels. Strides of operands are in bytes.
struct GemmBlock {
  const std::byte* left = nullptr;
  std::int64_t rows = 0;                    ///< 1 .. block_rows of the plan
  std::int64_t row_stride = 0;              ///< from one row to the next
  std::int64_t slice_stride = kSliceBytes;  ///< from one slice of a row to its next; of codes they touch
  std::int64_t tile_stride = kLineBytes;    ///< AMX: from one tile to the next of the same rows
  std::int64_t tile_row_stride = 0;         ///< AMX: from the tiles of 16 rows to those of the next 16
  const std::byte* last_rows = nullptr;     ///< of LeftOperand
  const std::byte* panels = nullptr;
  std::int64_t panel_stride = 0;              ///< from one panel to the next
  std::int64_t lines = 0;                     ///< of a panel that are multiplied
  std::int64_t cols = 0;                      ///< outputs, 1 .. kBlockPanels * kPanelRows
  float* out = nullptr;                       ///< [rows, out_stride]
  std::int64_t out_stride = 0;                ///< in elements
  bool accumulate = false;                    ///< bfloat16: out += instead of out =
  bool prefetch_out = false;                  ///< AMX: whether the outputs are not in a cache
  const float* bias = nullptr;                ///< [cols]; nullptr: none, of bfloat16 only
  const std::int32_t* corrections = nullptr;  ///< codes: [rows], the offset of the fields times a row's sum
  const float* row_scales = nullptr;          ///< codes: [rows]
  const float* col_scales = nullptr;          ///< codes: [cols]
};

/// How a kernel takes the grid of all rows times all panels.
struct GemmPlan {
  std::int64_t block_rows = kBlockRows;      ///< rows at a time, at most; a divisor of group_rows
  std::int64_t group_rows = 8 * kBlockRows;  ///< rows that stay in a core's cache while all panels pass by
  std::int64_t group_unit = kBlockRows;      ///< groups are multiples of so many rows
  void (*start)() = nullptr;                 ///< called in a thread before its blocks
  void (*finish)() = nullptr;                ///< and after them
};

struct GemmKernel {
  void (*multiply)(const GemmBlock& block) = nullptr;
  GemmPlan plan = {};
  std::int64_t read_bytes = kSliceBytes;  ///< a row is read up to a whole multiple of this
  std::int64_t tile_rows = 1;             ///< rows that are read at a time

  bool in_tiles() const { return tile_rows > 1; }
};

/// The kernel of each instruction set for weights of `bits` bits:
/// out = float(sum - correction) * (row_scale * col_scale) + bias.
GemmKernel scalar_kernel(int bits);
#if defined(__x86_64__)
GemmKernel avx2_kernel(int bits);
GemmKernel avx512_kernel(int bits);
GemmKernel amx_kernel(int bits);
#elif defined(__aarch64__)
GemmKernel neon_kernel(int bits);
#endif

/// The same for bfloat16: out = sum + bias, or out += it.
#if defined(__x86_64__)
GemmKernel avx512_bf16_kernel();
GemmKernel amx_bf16_kernel();
#endif

/// From the sums of one row and one panel, whose first output is `first_col`, to floats: codes. Inlined by
/// force, so that it is compiled for the instruction set of its caller.
__attribute__((always_inline)) inline void finish_row(const GemmBlock& block, std::int64_t row,
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

}  // namespace kdqat::kernels
