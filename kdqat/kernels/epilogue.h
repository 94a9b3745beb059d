#pragma once

#include <cstdint>

namespace kdqat::kernels {

/// A result of a product [rows, cols] that becomes y = sum * row_scale * col_scale + bias.
struct Epilogue {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const float* row_scales = nullptr;  ///< [rows], or [1] if row_scales_count is 1
  std::int64_t row_scales_count = 1;
  const float* col_scales = nullptr;  ///< [cols], or [1] if col_scales_count is 1
  std::int64_t col_scales_count = 1;
  const float* bias = nullptr;  ///< [cols]
};

/// In place: int32 sums become float32.
void apply_epilogue(const Epilogue& epilogue, std::int32_t* sums);

}  // namespace kdqat::kernels
