#pragma once

#include <torch/types.h>

#include <optional>
#include <vector>

#include "kdqat/encoder/parameter_table.h"
#include "kdqat/format/quantization_config.h"
#include "kdqat/model/layer_norm.h"
#include "kdqat/quant/linear.h"

/// Parameters of a classifier as tensors, and how each is quantized:
///
///   Weights weights = make_weights(config);
///   for (const NamedParameter& parameter : named_parameters(weights, config)) {
///     *parameter.tensor = torch::zeros(parameter.shape);   // parameter.name, parameter.role ...
///   }
namespace kdqat::model {

struct TorchModules {
  using Embedding = torch::Tensor;
  using Table = torch::Tensor;
  using Linear = quant::LinearParameters;
  using FloatLinear = quant::LinearParameters;
  using Norm = LayerNorm;
};

/// Every parameter of a classifier; float32, and latent where the model is quantized. What an encoder lacks
/// is undefined.
using Weights = encoder::Modules<TorchModules>;
using EncoderLayer = encoder::LayerModules<TorchModules>;

/// One row of the parameter table, with the tensor that it is about.
struct NamedParameter : encoder::ParameterInfo {
  torch::Tensor* tensor = nullptr;
};

/// Weights with the layers that `config` asks for, all tensors undefined.
Weights make_weights(const encoder::EncoderConfig& config);

/// All parameters in the order of encoder::parameter_table.
std::vector<NamedParameter> named_parameters(Weights& weights, const encoder::EncoderConfig& config);

/// What quantizes the rows of the word embedding under `quantization`; none for floating point.
std::optional<quant::Quantizer> embedding_quantizer(const format::QuantizationConfig& quantization);

/// What quantizes a parameter under `quantization`; none for what stays in floating point.
std::optional<quant::Quantizer> weight_quantizer(const encoder::ParameterInfo& parameter,
                                                 const format::QuantizationConfig& quantization);

/// What shares a scale in a quantized parameter: a row of the word embedding; of the linears as configured.
quant::Granularity weight_granularity(const encoder::ParameterInfo& parameter,
                                      const format::QuantizationConfig& quantization);

/// Bits of a parameter under `quantization`: 32 for what stays in floating point.
int bits_of(const encoder::ParameterInfo& parameter, const format::QuantizationConfig& quantization);

/// How linears and their inputs are quantized; the default without a configuration.
quant::LinearQuantization linear_quantization(const std::optional<format::QuantizationConfig>& quantization);

}  // namespace kdqat::model
