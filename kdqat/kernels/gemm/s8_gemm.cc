#include "kdqat/kernels/gemm/s8_gemm.h"

#include <algorithm>

#include "kdqat/base/aligned.h"
#include "kdqat/base/error.h"
#include "kdqat/kernels/gemm/gemm.h"
#include "kdqat/simd/multiversion.h"

namespace kdqat::kernels {
namespace {

GemmKernel kernel_of(simd::InstructionSet set, int bits) {
  if (bits != 2 && bits != 4 && bits != 8) {
    throw base::InvalidArgument(base::concat("multiply_panels: expected 2, 4 or 8 bits, found ", bits));
  }
  if (!is_available(set)) {
    throw base::InvalidArgument(
        base::concat("multiply_panels: this processor has no ", name_of(set), " products"));
  }
  switch (set) {
#if defined(__x86_64__)
    case simd::InstructionSet::kAvx2:
      return avx2_kernel(bits);
    case simd::InstructionSet::kAvx512Vnni:
      return avx512_kernel(bits);
    case simd::InstructionSet::kAmx:
      return amx_kernel(bits);
#elif defined(__aarch64__)
    case simd::InstructionSet::kNeon:
      return neon_kernel(bits);
#endif
    default:
      return scalar_kernel(bits);
  }
}

KDQAT_MULTIVERSION
std::int32_t sum_of_codes(const std::int8_t* codes, std::int64_t count) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += codes[i];
  return sum;
}

/// What stays of a product in a thread, ready for its kernel.
struct PreparedRows {
  LeftCopies left;
  base::AlignedVector<std::int32_t> corrections;  ///< [rows]
  base::AlignedVector<float> scales;              ///< [rows]
  base::AlignedVector<float> col_scales;          ///< [N], where there is one for all
};

void prepare_scales(const PanelProduct& product, PreparedRows& rows) {
  const std::int64_t cols = product.weights.cols;
  rows.corrections.resize(static_cast<std::size_t>(product.rows));
  rows.scales.resize(static_cast<std::size_t>(product.rows));
  for (std::int64_t row = 0; row < product.rows; ++row) {
    const auto i = static_cast<std::size_t>(row);
    rows.corrections[i] = product.weights.offset() * sum_of_codes(product.codes + row * cols, cols);
    rows.scales[i] = product.row_scales[product.row_scales_count == 1 ? 0 : row];
  }
  if (product.col_scales_count == 1) {
    rows.col_scales.assign(static_cast<std::size_t>(product.weights.rows), product.col_scales[0]);
  }
}

}  // namespace

void multiply_panels(const PanelProduct& product, float* out, simd::InstructionSet set) {
  const PanelShape& shape = product.weights;
  const GemmKernel kernel = kernel_of(set, shape.bits);
  thread_local PreparedRows rows;
  prepare_scales(product, rows);
  run_gemm(kernel,
           {.left = left_operand(product.codes, product.rows, shape.cols, kernel, rows.left),
            .panels = product.panels,
            .panel_stride = shape.panel_bytes(),
            .lines = shape.lines(),
            .inner = shape.cols,
            .cols = shape.rows,
            .out = out,
            .prefetch_out = product.fresh_out,
            .bias = product.bias,
            .corrections = rows.corrections.data(),
            .row_scales = rows.scales.data(),
            .col_scales = product.col_scales_count == 1 ? rows.col_scales.data() : product.col_scales});
}

}  // namespace kdqat::kernels
