#pragma once

#include <torch/types.h>

#include <optional>
#include <span>
#include <vector>

#include "kdqat/kernels/activation.h"
#include "kdqat/quant/fake_quantize.h"

namespace kdqat::quant {

/// How the operation is carried out; both give the same function up to rounding.
enum class Form {
  kPlain,  ///< from libtorch's operations: any floating dtype, differentiable twice
  kFused,  ///< the fast CPU form in float32, differentiable once
};

/// What the factors of a product are rounded to in the fused form; sums are float32 in either.
enum class Precision { kFp32, kBf16 };

/// What training uses where nothing else is said: bf16 where its products are the faster ones
/// (kernels::bf16_products_are_faster), else fp32. docs/results.md compares the two. Throws InvalidArgument
/// as kernels::default_instruction_set does.
Precision default_precision();

/// What is quantized at the input of a linear layer, and how. The default is a floating-point layer.
struct LinearQuantization {
  std::optional<Quantizer> weight;
  Granularity weight_granularity = Granularity::kPerTensor;
  bool quantize_input = false;  ///< symmetric min-max, 8 bits
  Granularity input_granularity = Granularity::kPerRow;
};

struct LinearOptions {
  LinearQuantization quantization;
  std::optional<kernels::Activation> activation = {};  ///< what x goes through before anything else
  Form form = Form::kFused;
  Precision precision = Precision::kFp32;
};

/// Weight [out, in] and bias [out]. A weight that is neither trained nor quantized may be what
/// prepare_for_products gives, for the fused form at the same precision.
struct LinearParameters {
  torch::Tensor weight;
  torch::Tensor bias;
};

/// A weight [out, in] once and for all as products of this precision read it on this processor: panels of
/// bfloat16 [ceil(out / 16), ceil(in / 2), 16, 2] (kernels/bf16_product.h), or the weight itself. Not
/// differentiable.
torch::Tensor prepare_for_products(const torch::Tensor& weight, Precision precision);

/// y = Q(x) Q(W)^T + b for each of the layers, whose input is the same and quantized once: x [T, in], y [T,
/// out]; with an activation, activation(x) takes the place of x.
///
/// Gradients are straight-through in x and W (see fake_quantize). In the fused form the product of int8 codes
/// is an integer product, exact; where only one factor is quantized, it is a product of what the codes stand
/// for. kBf16 rounds the factors of products that are not integer products, forward and backward; it has no
/// effect on a processor without such products and in the plain form. Throws InvalidArgument if shapes do not
/// fit, or for the fused form of anything but float32 on a CPU, or of weights under kAsymmetric8 (see
/// quantize).
std::vector<torch::Tensor> linear(const torch::Tensor& x, std::span<const LinearParameters> layers,
                                  const LinearOptions& options);
torch::Tensor linear(const torch::Tensor& x, const LinearParameters& layer, const LinearOptions& options);

}  // namespace kdqat::quant
