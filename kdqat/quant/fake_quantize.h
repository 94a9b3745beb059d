#pragma once

#include <torch/types.h>

namespace kdqat::quant {

/// The quantizers of kernels/quantize.h.
enum class Quantizer { kTernary, kTwnUniform4, kTwnUniform8, kSymmetric8, kAsymmetric8 };

enum class Granularity {
  kPerTensor,  ///< one scale for the whole tensor
  kPerRow,     ///< one scale a row of [rows, cols]: a token, a row of a weight, a row of an embedding
};

struct QuantizedTensor {
  torch::Tensor codes;   ///< int8, shape of the input
  torch::Tensor scales;  ///< float32 [1] per tensor, [rows] per row; value = code * scale
  bool clips = false;    ///< whether a magnitude reaches kernels::kClip, where gradients end
};

/// Codes and scales of `values`, [rows, cols]. Not differentiable.
/// Throws InvalidArgument if `values` is not two-dimensional, is not floating-point, or the quantizer is
/// kAsymmetric8, whose levels are no multiples of a scale.
QuantizedTensor quantize(const torch::Tensor& values, Quantizer quantizer, Granularity granularity);

/// What the codes stand for, float32.
torch::Tensor dequantize(const QuantizedTensor& quantized);

/// The values that the codes of `values` stand for, for a forward pass: computed in float32, of the dtype of
/// `values`.
///
/// Straight-through gradient (Bengio et al., 2013, arXiv:1308.3432): unchanged where |x| < kernels::kClip,
/// zero elsewhere; differentiable again. Throws as `quantize` does, kAsymmetric8 excepted.
torch::Tensor fake_quantize(const torch::Tensor& values, Quantizer quantizer, Granularity granularity);

/// 1 where the straight-through gradient passes, else 0; of the dtype of `values`.
torch::Tensor pass_through_mask(const torch::Tensor& values);

}  // namespace kdqat::quant
