#include "kdqat/model/classifier.h"

#include "kdqat/base/error.h"
#include "kdqat/model/forward_pass.h"

namespace kdqat::model {
namespace {

void check_batch(const encoder::EncoderConfig& config, const data::Batch& batch) {
  for (std::size_t b = 1; b < batch.cu_seqlens.size(); ++b) {
    const std::int64_t length = batch.cu_seqlens[b] - batch.cu_seqlens[b - 1];
    if (length > config.max_length()) {
      throw base::InvalidArgument(base::concat("sentence ", b - 1, " of the batch: expected at most ",
                                               config.max_length(), " tokens, found ", length));
    }
  }
}

/// Zeros for the biases that the encoder lacks, so that every linear and norm has one; no parameter is about
/// them.
void fill_absent_biases(const encoder::EncoderConfig& config, Weights& weights) {
  for (const NamedParameter& parameter : named_parameters(weights, config)) {
    if (parameter.is_bias) continue;
    encoder::visit_module(weights, parameter.role, parameter.layer, [&](auto& module) {
      if constexpr (requires { module.bias; }) {
        if (!module.bias.defined())
          module.bias = torch::zeros({parameter.shape[0]}, parameter.tensor->options());
      }
    });
  }
}

}  // namespace

Classifier::Classifier(encoder::EncoderConfig config, std::optional<format::QuantizationConfig> quantization,
                       Weights weights)
    : config_(std::move(config)), quantization_(quantization), weights_(std::move(weights)) {
  if (std::cmp_not_equal(weights_.layers.size(), config_.num_hidden_layers)) {
    throw base::InvalidArgument(base::concat("classifier: expected ", config_.num_hidden_layers,
                                             " layers, found ", weights_.layers.size()));
  }
  for (const NamedParameter& parameter : parameters()) {
    const torch::Tensor& tensor = *parameter.tensor;
    if (!tensor.defined() || tensor.sizes() != torch::IntArrayRef(parameter.shape)) {
      throw base::InvalidArgument(base::concat("classifier: tensor '", parameter.name, "': expected ",
                                               torch::IntArrayRef(parameter.shape), ", found ",
                                               tensor.defined() ? base::concat(tensor.sizes()) : "none"));
    }
  }
  fill_absent_biases(config_, weights_);
  // A map that dropout scales up by 1 / (1 - p) must stay below the clip: its quantizer passes every
  // gradient.
  if (quantization_ && config_.dropout.attention_map >= 0.6) {
    throw base::InvalidArgument(base::concat("attention_probs_dropout_prob: expected less than 0.6, found ",
                                             config_.dropout.attention_map));
  }
}

void Classifier::set_requires_grad(bool requires_grad) {
  for (const NamedParameter& parameter : parameters()) parameter.tensor->requires_grad_(requires_grad);
}

void Classifier::freeze(quant::Precision precision) {
  if (quantization_)
    throw base::InvalidArgument("freeze: expected a model in floating point, found a student");
  set_requires_grad(false);
  for (const NamedParameter& parameter : parameters()) {
    if (parameter.quantized_as == encoder::QuantizedAs::kLinear) {
      *parameter.tensor = quant::prepare_for_products(*parameter.tensor, precision);
    }
  }
}

Signals Classifier::forward(const data::Batch& batch, const ForwardOptions& options) const {
  check_batch(config_, batch);
  return ForwardPass(*this, weights_, batch, options).run();
}

torch::Tensor Classifier::forward_layer(std::size_t layer, const torch::Tensor& hidden,
                                        const data::Batch& batch, const ForwardOptions& options) const {
  check_batch(config_, batch);
  if (layer >= weights_.layers.size()) {
    throw base::InvalidArgument(
        base::concat("layer: expected 0 to ", weights_.layers.size() - 1, ", found ", layer));
  }
  Signals unused;
  return ForwardPass(*this, weights_, batch, options).run_layer(layer, hidden, unused);
}

Classifier make_student(Classifier& teacher, const format::QuantizationConfig& quantization) {
  Weights copy = make_weights(teacher.config());
  const std::vector<NamedParameter> from = teacher.parameters();
  const std::vector<NamedParameter> to = named_parameters(copy, teacher.config());
  for (std::size_t i = 0; i < from.size(); ++i) *to[i].tensor = from[i].tensor->detach().clone();
  return {teacher.config(), quantization, std::move(copy)};
}

}  // namespace kdqat::model
