#pragma once

#include <cstdint>

#include "kdqat/simd/bf16.h"
#include "kdqat/simd/instruction_set.h"

namespace kdqat::kernels {

/// What the elements of a factor are. Products of kF32 and kBF16 are summed in float32, those of kS8 exactly
/// in int32.
enum class ElementType { kF32, kBF16, kS8 };

/// A factor of a product: `rows` x `cols` elements, row-major from `data`, or, if `transposed`, the transpose
/// of the row-major matrix [cols, rows] that lies there.
struct MatrixView {
  const void* data = nullptr;
  ElementType type = ElementType::kF32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  bool transposed = false;
};

struct MatmulOptions {
  const float* bias = nullptr;  ///< [N], added to each row; nullptr: none. Not for kS8.
  bool accumulate = false;      ///< out += left x right. Not for kS8.
  int right_magnitude = 127;    ///< what no code of a kS8 right factor exceeds
};

/// out = left x right (+ bias) through oneDNN. left [M, K] and right [K, N] are of one type; out is row-major
/// [M, N], float32 for kF32 and kBF16 factors, int32 for kS8. Uses base::num_threads(). Sizes of 0 are
/// allowed; K = 0 gives zeros. Throws InvalidArgument if inner sizes or types differ, for K = 0 or kS8 with
/// bias or accumulate, or if 8-bit products could saturate on this processor: without
/// int8_products_are_exact(), codes of one factor must be ternary or 4-bit, which `right_magnitude` promises.
void matmul(const MatrixView& left, const MatrixView& right, void* out, const MatmulOptions& options = {});

/// Whether matmul multiplies bfloat16: simd::has_bf16_products(), unless ONEDNN_MAX_CPU_ISA forbids them.
bool has_bf16_products();

using simd::bf16_products_are_faster;

/// Whether products of any two int8 codes are exact: VNNI. Without it, oneDNN adds pairs of products in 16
/// bits.
bool int8_products_are_exact();

using simd::convert_to_bf16;

}  // namespace kdqat::kernels
