#pragma once

#include <algorithm>
#include <cstdint>

#include "kdqat/base/aligned.h"

namespace kdqat::kernels {

/// Rows of `cols` values each, to be read as rows of `stride`.
struct RowsToFill {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  ///< at least cols
};

/// `values` [rows, cols] as [rows, stride] with zeros behind the columns: itself where they are whole, else a
/// copy in `copy`.
template <typename Value>
const Value* with_whole_columns(const Value* values, const RowsToFill& shape,
                                base::AlignedVector<Value>& copy) {
  if (shape.stride == shape.cols) return values;
  copy.assign(static_cast<std::size_t>(shape.rows * shape.stride), Value{});
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    std::copy_n(values + row * shape.cols, shape.cols, copy.data() + row * shape.stride);
  }
  return copy.data();
}

/// The rows of `values` [rows, stride] behind the last whole tile of `tile_rows` rows, in `copy` [tile_rows,
/// stride]; nullptr where all tiles are whole.
template <typename Value>
const Value* last_tile_of(const Value* values, const RowsToFill& shape, std::int64_t tile_rows,
                          base::AlignedVector<Value>& copy) {
  const std::int64_t rows = shape.rows % tile_rows;
  if (rows == 0) return nullptr;
  copy.resize(static_cast<std::size_t>(tile_rows * shape.stride));
  std::copy_n(values + (shape.rows - rows) * shape.stride, rows * shape.stride, copy.data());
  return copy.data();
}

}  // namespace kdqat::kernels
