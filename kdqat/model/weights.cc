#include "kdqat/model/weights.h"

#include <utility>

namespace kdqat::model {
namespace {

using encoder::QuantizedAs;
using format::QuantizationConfig;
using quant::Granularity;
using quant::Quantizer;

/// The linears' quantizer for a width of weights.
std::optional<Quantizer> linear_quantizer(int bits) {
  switch (bits) {
    case 2:
      return Quantizer::kTernary;
    case 4:
      return Quantizer::kTwnUniform4;
    case 8:
      return Quantizer::kSymmetric8;
    default:
      return std::nullopt;
  }
}

Granularity linear_granularity(const QuantizationConfig& config) {
  return config.weight_granularity == format::WeightGranularity::kRow ? Granularity::kPerRow
                                                                      : Granularity::kPerTensor;
}

/// The weight or the bias of a module.
struct TensorOf {
  bool is_bias;
  torch::Tensor& operator()(torch::Tensor& table) const { return table; }
  template <typename Module>
  torch::Tensor& operator()(Module& module) const {
    return is_bias ? module.bias : module.weight;
  }
};

}  // namespace

Weights make_weights(const encoder::EncoderConfig& config) {
  Weights weights;
  weights.layers.resize(static_cast<std::size_t>(config.num_hidden_layers));
  return weights;
}

std::vector<NamedParameter> named_parameters(Weights& weights, const encoder::EncoderConfig& config) {
  std::vector<NamedParameter> result;
  for (encoder::ParameterInfo& info : encoder::parameter_table(config)) {
    torch::Tensor& tensor =
        encoder::visit_module(weights, info.role, info.layer, TensorOf{.is_bias = info.is_bias});
    result.push_back({std::move(info), &tensor});
  }
  return result;
}

std::optional<Quantizer> embedding_quantizer(const QuantizationConfig& quantization) {
  // At 8 bits, the grid of TWN's range, as the reference implementation does.
  return quantization.embedding_bits == 8 ? Quantizer::kTwnUniform8
                                          : linear_quantizer(quantization.embedding_bits);
}

std::optional<Quantizer> weight_quantizer(const encoder::ParameterInfo& parameter,
                                          const QuantizationConfig& quantization) {
  switch (parameter.quantized_as) {
    case QuantizedAs::kNone:
      return std::nullopt;
    case QuantizedAs::kLinear:
      return linear_quantizer(quantization.weight_bits);
    case QuantizedAs::kWordEmbeddings:
      break;
  }
  return embedding_quantizer(quantization);
}

Granularity weight_granularity(const encoder::ParameterInfo& parameter,
                               const QuantizationConfig& quantization) {
  return parameter.quantized_as == QuantizedAs::kWordEmbeddings ? Granularity::kPerRow
                                                                : linear_granularity(quantization);
}

int bits_of(const encoder::ParameterInfo& parameter, const QuantizationConfig& quantization) {
  if (!weight_quantizer(parameter, quantization)) return 32;
  return parameter.quantized_as == QuantizedAs::kWordEmbeddings ? quantization.embedding_bits
                                                                : quantization.weight_bits;
}

quant::LinearQuantization linear_quantization(const std::optional<QuantizationConfig>& quantization) {
  if (!quantization) return {};
  return {.weight = linear_quantizer(quantization->weight_bits),
          .weight_granularity = linear_granularity(*quantization),
          .quantize_input = quantization->activation_bits == 8,
          .input_granularity = quantization->activation_granularity == format::ActivationGranularity::kToken
                                   ? Granularity::kPerRow
                                   : Granularity::kPerTensor};
}

}  // namespace kdqat::model
