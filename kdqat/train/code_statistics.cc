#include "kdqat/train/code_statistics.h"

#include <array>
#include <string>
#include <utility>

namespace kdqat::train {
namespace {

std::string role_of(const std::string& name) {
  constexpr std::array<std::pair<const char*, const char*>, 8> kRoles = {
      {{"word_embeddings", "word_embeddings"},
       {".self.query.", "query"},
       {".self.key.", "key"},
       {".self.value.", "value"},
       {".attention.output.", "attention_output"},
       {".intermediate.", "intermediate"},
       {".output.", "output"},
       {"pooler", "pooler"}}};
  for (const auto& [part, role] : kRoles) {
    if (name.find(part) != std::string::npos) return role;
  }
  return name;
}

std::int64_t layer_of(const std::string& name) {
  const std::string prefix = "bert.encoder.layer.";
  return name.starts_with(prefix) ? std::stoll(name.substr(prefix.size())) : -1;
}

}  // namespace

std::vector<format::TensorCodes> code_statistics(model::Classifier& student) {
  const torch::NoGradGuard no_grad;
  std::vector<format::TensorCodes> result;
  if (!student.quantization()) return result;
  for (const model::NamedParameter& parameter : student.parameters()) {
    const auto quantizer = model::weight_quantizer(parameter.name, *student.quantization());
    if (!quantizer) continue;
    const quant::QuantizedTensor quantized = quant::quantize(
        *parameter.tensor, *quantizer, model::weight_granularity(parameter.name, *student.quantization()));
    const auto count = static_cast<double>(quantized.codes.numel());
    const double negative = (quantized.codes < 0).sum().item<double>() / count;
    const double positive = (quantized.codes > 0).sum().item<double>() / count;
    result.push_back({.name = parameter.name,
                      .layer = layer_of(parameter.name),
                      .role = role_of(parameter.name),
                      .negative = negative,
                      .zero = 1.0 - negative - positive,
                      .positive = positive,
                      .scale = quantized.scales.mean().item<double>()});
  }
  return result;
}

}  // namespace kdqat::train
