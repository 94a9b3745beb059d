#pragma once

#include <cstdint>

#include "kdqat/kernels/gemm/panels.h"
#include "kdqat/simd/instruction_set.h"

namespace kdqat::kernels {

/// y = x w^T of codes with what makes values of it: y[t, n] = float(sum_k x[t, k] w[n, k]) (row_scale[t]
/// col_scale[n]) + bias[n].
struct PanelProduct {
  const std::int8_t* codes = nullptr;  ///< x, [rows, weights.cols]
  std::int64_t rows = 0;
  const float* row_scales = nullptr;  ///< [rows], or [1] if row_scales_count is 1
  std::int64_t row_scales_count = 1;
  const std::uint8_t* panels = nullptr;  ///< w, as pack_panels writes it
  PanelShape weights;                    ///< [N, K]
  const float* col_scales = nullptr;     ///< [weights.rows], or [1] if col_scales_count is 1
  std::int64_t col_scales_count = 1;
  const float* bias = nullptr;  ///< [weights.rows]
  /// Whether the outputs' memory is new, so that it is worth asking for before the sums are done; where it is
  /// still in a cache, asking takes time.
  bool fresh_out = false;
};

/// out float32 [rows, weights.rows]. Integers are summed exactly in 32 bits (K below 66,000 at 8 bits), in
/// parallel over base::num_threads(). Throws InvalidArgument for bits other than 2, 4, 8 or a set that this
/// processor lacks.
void multiply_panels(const PanelProduct& product, float* out,
                     simd::InstructionSet set = simd::default_instruction_set());

}  // namespace kdqat::kernels
