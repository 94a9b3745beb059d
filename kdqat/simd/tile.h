#pragma once

#include <cstdint>

#include "kdqat/base/aligned.h"
#include "kdqat/simd/reduce.h"

namespace kdqat::simd {

/// `size` rounded up to whole vectors.
constexpr std::int64_t padded(std::int64_t size) { return (size + kLanes - 1) / kLanes * kLanes; }

/// A small row-major matrix, in a thread's scratch memory or where it lies in a larger one.
struct Tile {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  ///< from one row to the next

  float* row(std::int64_t index) const { return data + index * stride; }
};

/// As Tile, only to read; element (row, col) lies at row * row_stride + col * col_stride, so that a transpose
/// is a view too.
struct TileView {
  const float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_stride = 0;
  std::int64_t col_stride = 1;

  TileView transposed() const {
    return {.data = data, .rows = cols, .cols = rows, .row_stride = col_stride, .col_stride = row_stride};
  }
};

inline TileView view(const Tile& tile) {
  return {.data = tile.data, .rows = tile.rows, .cols = tile.cols, .row_stride = tile.stride};
}

/// Scratch memory of a thread for the tiles of one sentence and head at a time.
class Scratch {
 public:
  /// Frees all tiles and provides for `floats`; sizes of rows count as padded.
  void reset(std::int64_t floats) {
    used_ = 0;
    if (memory_.size() < static_cast<std::size_t>(floats)) memory_.resize(static_cast<std::size_t>(floats));
  }

  /// Rows of whole vectors, what they hold is undefined.
  Tile tile(std::int64_t rows, std::int64_t cols) {
    const Tile result{.data = memory_.data() + used_, .rows = rows, .cols = cols, .stride = padded(cols)};
    used_ += rows * result.stride;
    return result;
  }

 private:
  base::AlignedVector<float> memory_;
  std::int64_t used_ = 0;
};

/// Copies `source` (unit column stride) into `tile`, whose rows are filled up with zeros.
void load(const TileView& source, const Tile& tile);

/// Copies the transpose of `source` (unit column stride) into `tile`, whose rows are filled up with zeros. A
/// square of kLanes x kLanes may be transposed where it lies.
void load_transposed(const TileView& source, const Tile& tile);

/// out = left x right. `right` has rows of whole vectors (padding included) and unit column stride; only the
/// right.cols columns of out are written. Sums run over the inner dimension in order, each term with one
/// rounding (fused multiply-add): the same bits on every instruction set.
void multiply(const TileView& left, const TileView& right, const Tile& out);

}  // namespace kdqat::simd
