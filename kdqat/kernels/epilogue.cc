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

}  // namespace kdqat::kernels
