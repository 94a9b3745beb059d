#pragma once

#include <algorithm>
#include <cstdint>

#include "kdqat/base/aligned.h"

namespace kdqat::kernels {

/// `count` rounded up to whole multiples of `unit`.
constexpr std::int64_t round_up(std::int64_t count, std::int64_t unit) {
  return (count + unit - 1) / unit * unit;
}

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

}  // namespace kdqat::kernels
