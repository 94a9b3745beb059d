#pragma once

#include <cstdint>

#include "kdqat/kernels/dropout.h"

namespace kdqat::kernels {

/// What LayerNorm normalizes: s = dropout(x) + residual, all float32 [rows, cols].
struct LayerNormInput {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const float* x = nullptr;
  Dropout dropout;  ///< of x
  const float* residual = nullptr;
};

/// Parameters of LayerNorm (Ba et al., 2016, arXiv:1607.06450), float32 [cols].
struct LayerNormParameters {
  const float* weight = nullptr;
  const float* bias = nullptr;
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
  float* residual = nullptr;  ///< [rows, cols]; may be x where there is no dropout: the two are equal then
  float* weight = nullptr;    ///< [cols]
  float* bias = nullptr;      ///< [cols]
};

/// Backward of layer_norm_forward from the gradient that arrives at out and the moments that forward gave.
/// Sums over rows run over blocks of fixed size, so that they do not depend on the thread count.
void layer_norm_backward(const LayerNormInput& input, const LayerNormParameters& parameters,
                         const LayerNormMoments& moments, const float* arriving,
                         const LayerNormGradients& gradients);

}  // namespace kdqat::kernels
