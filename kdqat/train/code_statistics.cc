#include "kdqat/train/code_statistics.h"

namespace kdqat::train {
std::vector<format::TensorCodes> code_statistics(model::Classifier& student) {
  const torch::NoGradGuard no_grad;
  std::vector<format::TensorCodes> result;
  if (!student.quantization()) return result;
  for (const model::NamedParameter& parameter : student.parameters()) {
    const auto quantizer = model::weight_quantizer(parameter, *student.quantization());
    if (!quantizer) continue;
    const quant::QuantizedTensor quantized = quant::quantize(
        *parameter.tensor, *quantizer, model::weight_granularity(parameter, *student.quantization()));
    const auto count = static_cast<double>(quantized.codes.numel());
    const double negative = (quantized.codes < 0).sum().item<double>() / count;
    const double positive = (quantized.codes > 0).sum().item<double>() / count;
    result.push_back({.name = parameter.name,
                      .layer = parameter.layer,
                      .role = std::string(encoder::name_of(parameter.role)),
                      .negative = negative,
                      .zero = 1.0 - negative - positive,
                      .positive = positive,
                      .scale = quantized.scales.mean().item<double>()});
  }
  return result;
}

}  // namespace kdqat::train
