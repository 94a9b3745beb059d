#pragma once

#include <cstddef>
#include <cstdint>

#include "kdqat/base/aligned.h"
#include "kdqat/kernels/gemm/block.h"

namespace kdqat::kernels {

/// The left operand as kernels read it. Strides in bytes.
struct LeftOperand {
  const std::byte* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t row_stride = 0;              ///< within a unit
  std::int64_t slice_stride = kSliceBytes;  ///< of GemmBlock
  std::int64_t tile_stride = kLineBytes;    ///< of GemmBlock
  std::int64_t unit_rows = 1;               ///< rows that lie together, a divisor of a kernel's block_rows
  std::int64_t unit_stride = 0;             ///< from one unit to the next
  /// The rows behind the last whole tile, filled up to a tile, where a kernel reads whole tiles and there may
  /// be nothing to read behind `data`; else nullptr.
  const std::byte* last_rows = nullptr;
};

/// Room for copies of a left operand, for one product after the other.
struct LeftCopies {
  base::AlignedVector<std::byte> whole_rows;
  base::AlignedVector<std::byte> last_tile;
};

/// The row-major matrix [rows, row_bytes] as `kernel` reads it: where it lies, or copied where rows have to
/// be filled up with zeros.
LeftOperand left_operand(const void* data, std::int64_t rows, std::int64_t row_bytes,
                         const GemmKernel& kernel, LeftCopies& copies);

/// One product; the fields that are not explained are those of GemmBlock, for all rows and columns.
struct Gemm {
  LeftOperand left;
  const void* panels = nullptr;
  std::int64_t panel_stride = 0;
  std::int64_t lines = 0;
  std::int64_t inner = 0;  ///< K
  std::int64_t cols = 0;   ///< N
  float* out = nullptr;    ///< [left.rows, N]
  bool accumulate = false;
  bool prefetch_out = false;
  const float* bias = nullptr;
  const std::int32_t* corrections = nullptr;
  const float* row_scales = nullptr;
  const float* col_scales = nullptr;
};

/// Multiplies in blocks, in parallel.
void run_gemm(const GemmKernel& kernel, const Gemm& gemm);

}  // namespace kdqat::kernels
