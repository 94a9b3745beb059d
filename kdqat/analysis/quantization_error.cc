#include "kdqat/analysis/quantization_error.h"

#include "kdqat/base/error.h"

namespace kdqat::analysis {
namespace {

/// The same weights under another quantization.
model::Classifier requantized(model::Classifier classifier,
                              std::optional<format::QuantizationConfig> quantization) {
  return {classifier.config(), quantization, classifier.weights()};
}

format::QuantizationConfig quantization_of(const model::Classifier& student) {
  if (!student.quantization())
    throw base::InvalidArgument("quantization error: expected a quantized student, found none");
  return *student.quantization();
}

format::QuantizationConfig without_activations(format::QuantizationConfig quantization) {
  quantization.activation_bits = 32;
  return quantization;
}

double difference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).norm().item<double>(); }

}  // namespace

QuantizationError::QuantizationError(const model::Classifier& student)
    : quantized_(student),
      weights_only_(requantized(student, without_activations(quantization_of(student)))),
      floating_(requantized(student, std::nullopt)) {}

void QuantizationError::add(const data::Batch& batch) {
  const torch::NoGradGuard no_grad;
  model::ForwardOptions options;
  options.signals = model::kNoSignals;
  options.signals.hidden_states = true;
  const std::vector<torch::Tensor> quantized = quantized_.forward(batch, options).hidden_states;
  const std::vector<torch::Tensor> floating = floating_.forward(batch, options).hidden_states;
  std::vector<double> total;
  std::vector<double> inherited;
  std::vector<double> weights;
  std::vector<double> activations;
  for (std::size_t layer = 0; layer + 1 < quantized.size(); ++layer) {
    const torch::Tensor& exact = floating[layer + 1];
    const double norm = exact.norm().item<double>();
    const torch::Tensor floating_layer = floating_.forward_layer(layer, quantized[layer], batch);
    const torch::Tensor weights_layer = weights_only_.forward_layer(layer, quantized[layer], batch);
    total.push_back(difference(quantized[layer + 1], exact) / norm);
    inherited.push_back(difference(floating_layer, exact) / norm);
    weights.push_back(difference(weights_layer, floating_layer) / norm);
    activations.push_back(difference(quantized[layer + 1], weights_layer) / norm);
  }
  total_.add(std::move(total));
  inherited_.add(std::move(inherited));
  weights_.add(std::move(weights));
  activations_.add(std::move(activations));
}

}  // namespace kdqat::analysis
