#include "kdqat/kernels/epilogue.h"

#include <algorithm>
#include <bit>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/multiversion.h"

namespace kdqat::kernels {
namespace {

KDQAT_MULTIVERSION
void scale_row(std::int32_t* sums, std::int64_t cols, float scale, const float* bias) {
  for (std::int64_t col = 0; col < cols; ++col) {
    const float value = static_cast<float>(sums[col]) * scale + bias[col];
    sums[col] = std::bit_cast<std::int32_t>(value);
  }
}

KDQAT_MULTIVERSION
void scale_row_by_column(std::int32_t* sums, std::int64_t cols, float scale, const float* col_scales,
                         const float* bias) {
  for (std::int64_t col = 0; col < cols; ++col) {
    const float value = static_cast<float>(sums[col]) * (scale * col_scales[col]) + bias[col];
    sums[col] = std::bit_cast<std::int32_t>(value);
  }
}

KDQAT_MULTIVERSION
void add_to_row(float* row, std::int64_t cols, const float* values) {
  for (std::int64_t col = 0; col < cols; ++col) row[col] += values[col];
}

std::int64_t row_grain(std::int64_t cols) {
  return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(cols, 1));
}

}  // namespace

void apply_epilogue(const Epilogue& epilogue, std::int32_t* sums) {
  base::parallel_for(0, epilogue.rows, row_grain(epilogue.cols), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const float row_scale = epilogue.row_scales[epilogue.row_scales_count == 1 ? 0 : row];
      std::int32_t* line = sums + row * epilogue.cols;
      if (epilogue.col_scales_count == 1) {
        scale_row(line, epilogue.cols, row_scale * epilogue.col_scales[0], epilogue.bias);
      } else {
        scale_row_by_column(line, epilogue.cols, row_scale, epilogue.col_scales, epilogue.bias);
      }
    }
  });
}

void add_bias(const Epilogue& epilogue, float* sums) {
  base::parallel_for(0, epilogue.rows, row_grain(epilogue.cols), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      add_to_row(sums + row * epilogue.cols, epilogue.cols, epilogue.bias);
    }
  });
}

void sum_rows(const float* values, std::int64_t rows, std::int64_t cols, float* out) {
  constexpr std::int64_t kColumns = 64;  // a thread takes whole columns, so rows are added in order
  base::parallel_for(0, (cols + kColumns - 1) / kColumns, 2, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t begin = first * kColumns;
    const std::int64_t size = std::min(cols, last * kColumns) - begin;
    std::fill_n(out + begin, size, 0.0F);
    for (std::int64_t row = 0; row < rows; ++row) add_to_row(out + begin, size, values + row * cols + begin);
  });
}

}  // namespace kdqat::kernels
