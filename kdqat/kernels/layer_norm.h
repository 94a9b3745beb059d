#pragma once

#include <cstdint>

#include "kdqat/kernels/column_sums.h"
#include "kdqat/kernels/dropout.h"

namespace kdqat::kernels {

/// What LayerNorm normalizes: s = dropout(x) + residual where the norm stands behind a sum (BERT), s = x
/// where it stands before a layer (ModernBERT). All float32 [rows, cols].
///
///   layer_norm_forward({.rows = rows, .cols = cols, .x = x}, {.weight = weight}, moments, out);  // s = x
struct LayerNormInput {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const float* x = nullptr;
  Dropout dropout = {};             ///< of x; none without a residual
  const float* residual = nullptr;  ///< nullptr: s = x
};

/// Parameters of LayerNorm (Ba et al., 2016, arXiv:1607.06450), float32 [cols].
struct LayerNormParameters {
  const float* weight = nullptr;
  const float* bias = nullptr;  ///< nullptr: none
  float epsilon = 1e-12F;
};

/// Mean and 1 / sqrt(variance + epsilon) of each row, float32 [rows].
struct LayerNormMoments {
  float* mean = nullptr;
  float* inverse_deviation = nullptr;
};

/// out = (s - mean) inverse_deviation weight + bias, with the biased variance of each row; float32 [rows,
/// cols]. cols >= 1.
void layer_norm_forward(const LayerNormInput& input, const LayerNormParameters& parameters,
                        const LayerNormMoments& moments, float* out);

/// Gradients, float32; written in full.
struct LayerNormGradients {
  float* x = nullptr;         ///< [rows, cols]
  float* residual = nullptr;  ///< [rows, cols]; may be x where there is no dropout: the two are equal then;
                              ///< nullptr where there is no residual
  float* weight = nullptr;    ///< [cols]
  float* bias = nullptr;      ///< [cols]; nullptr where there is no bias
};

/// Backward of layer_norm_forward from the gradient that arrives at out and the moments that forward gave,
/// some rows at a time. Sums over rows run over blocks of fixed size, so that they do not depend on the
/// thread count.
class LayerNormBackward {
 public:
  /// What the arguments point to must live as long.
  LayerNormBackward(const LayerNormInput& input, const LayerNormParameters& parameters,
                    const LayerNormMoments& moments);

  /// Rows from `first` on, whole blocks of ColumnSums::kRows but for the last: from `grad_output` the
  /// gradients of x and of the residual, all [count, cols]. The last two may be one where there is no
  /// dropout: they are equal then. `residual` is nullptr where there is none. Threads may take different
  /// rows.
  void accumulate(std::int64_t first, std::int64_t count, const float* grad_output, float* x,
                  float* residual);

  /// After all rows, the gradients of weight and bias, [cols]; `bias` is nullptr where there is none.
  void finalize(float* weight, float* bias) const;

 private:
  LayerNormInput input_;
  LayerNormParameters parameters_;
  LayerNormMoments moments_;
  ColumnSums of_weight_;
  ColumnSums of_bias_;
};

/// All rows of LayerNormBackward at once.
void layer_norm_backward(const LayerNormInput& input, const LayerNormParameters& parameters,
                         const LayerNormMoments& moments, const float* grad_output,
                         const LayerNormGradients& gradients);

}  // namespace kdqat::kernels
