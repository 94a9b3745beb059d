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

/// In place on float32 sums: adds the bias only.
void add_bias(const Epilogue& epilogue, float* sums);

/// out[col] = sum over rows of values [rows, cols], added in the rows' order.
void sum_rows(const float* values, std::int64_t rows, std::int64_t cols, float* out);

}  // namespace kdqat::kernels
