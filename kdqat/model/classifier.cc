#include "kdqat/model/classifier.h"

#include <algorithm>
#include <memory>

#include "kdqat/base/error.h"
#include "kdqat/model/attention.h"
#include "kdqat/model/encoder_block.h"
#include "kdqat/quant/embedding.h"

namespace kdqat::model {
namespace {

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

/// At 8 bits the word embedding uses the grid of TWN's range, as the reference implementation does.
std::optional<Quantizer> embedding_quantizer(int bits) {
  return bits == 8 ? Quantizer::kTwnUniform8 : linear_quantizer(bits);
}

Granularity linear_granularity(const QuantizationConfig& config) {
  return config.weight_granularity == format::WeightGranularity::kRow ? Granularity::kPerRow
                                                                      : Granularity::kPerTensor;
}

quant::LinearQuantization linear_quantization(const std::optional<QuantizationConfig>& config) {
  if (!config) return {};
  return {.weight = linear_quantizer(config->weight_bits),
          .weight_granularity = linear_granularity(*config),
          .quantize_input = config->activation_bits == 8,
          .input_granularity = config->activation_granularity == format::ActivationGranularity::kToken
                                   ? Granularity::kPerRow
                                   : Granularity::kPerTensor};
}

kernels::AttentionScales attention_scales(const std::optional<QuantizationConfig>& config) {
  if (!config || config->activation_bits == 32) return kernels::AttentionScales::kNone;
  return config->activation_granularity == format::ActivationGranularity::kToken
             ? kernels::AttentionScales::kHead
             : kernels::AttentionScales::kTensor;
}

/// One forward pass: what its steps share.
class ForwardPass {
 public:
  ForwardPass(const Classifier& classifier, const Weights& weights, const data::Batch& batch,
              const ForwardOptions& options)
      : config_(classifier.config()),
        quantization_(classifier.quantization()),
        weights_(weights),
        batch_(batch),
        options_(options),
        quantized_linear_{.quantization = linear_quantization(quantization_),
                          .form = options.form,
                          .precision = options.precision},
        plain_linear_{.quantization = {}, .form = options.form} {}

  Signals run() {
    Signals signals;
    torch::Tensor hidden = embed();
    keep(options_.signals.hidden_states, hidden, signals.hidden_states);
    for (const EncoderLayer& layer : weights_.layers) {
      hidden = run_layer(layer, hidden, signals);
      keep(options_.signals.hidden_states, hidden, signals.hidden_states);
    }
    signals.logits = classify(hidden);
    return signals;
  }

  torch::Tensor run_layer(const EncoderLayer& layer, const torch::Tensor& hidden, Signals& signals) {
    const std::vector<torch::Tensor> projected =
        quant::linear(hidden, std::vector{layer.query, layer.key, layer.value}, quantized_linear_);
    const kernels::AttentionShape shape{.cu_seqlens = batch_.cu_seqlens,
                                        .heads = config_.num_attention_heads};
    const AttentionInputs inputs{
        .query = projected[0],
        .key = projected[1],
        .value = projected[2],
        .dropout = draw_mask(shape.ragged_size(), config_.attention_probs_dropout_prob),
        .cu_seqlens = batch_.cu_seqlens,
        .heads = config_.num_attention_heads,
        .scales = attention_scales(quantization_)};
    const AttentionSignals attended = attention(inputs, options_.form);
    const BlockSignals block = encoder_block(
        {.context = attended.context,
         .hidden = hidden,
         .sa_output_dropout = draw_hidden_mask(hidden),
         .output_dropout = draw_hidden_mask(hidden),
         .epsilon = config_.layer_norm_eps,
         .linear = quantized_linear_},
        {layer.attention_output, layer.attention_norm, layer.intermediate, layer.output, layer.output_norm});
    const SignalSelection& wanted = options_.signals;
    keep(wanted.attention_scores, attended.scores, signals.attention_scores);
    keep(wanted.attention_map, attended.map, signals.attention_map);
    keep(wanted.context, attended.context, signals.context);
    keep(wanted.sa_output, block.sa_output, signals.sa_output);
    keep(wanted.attention_output, block.attention_output, signals.attention_output);
    return block.hidden;
  }

 private:
  static void keep(bool wanted, const torch::Tensor& signal, std::vector<torch::Tensor>& list) {
    if (wanted) list.push_back(signal);
  }

  /// The next mask of this pass; none in evaluation.
  DropoutMask draw_mask(std::int64_t count, double probability) {
    if (!options_.dropout || probability == 0.0) return {};
    return draw_dropout({.seed = options_.dropout->seed, .update = options_.dropout->update, .site = site_++},
                        probability, count);
  }

  DropoutMask draw_hidden_mask(const torch::Tensor& values) {
    return draw_mask(values.numel(), config_.hidden_dropout_prob);
  }

  torch::Tensor normalize(const torch::Tensor& x, const DropoutMask& dropout, const torch::Tensor& residual,
                          const LayerNorm& norm) const {
    return layer_norm(x, dropout, residual, norm, config_.layer_norm_eps, options_.form);
  }

  torch::Tensor embed() {
    const std::optional<Quantizer> quantizer =
        quantization_ ? embedding_quantizer(quantization_->embedding_bits) : std::nullopt;
    const torch::Tensor word =
        quant::embedding(batch_.input_ids, weights_.word_embeddings, quantizer, options_.form);
    const torch::Tensor place = quant::embedding(batch_.position_ids, weights_.position_embeddings,
                                                 std::nullopt, quant::Form::kPlain) +
                                quant::embedding(batch_.token_type_ids, weights_.token_type_embeddings,
                                                 std::nullopt, quant::Form::kPlain);
    return drop(normalize(word, {}, place, weights_.embeddings_norm), draw_hidden_mask(word));
  }

  torch::Tensor classify(const torch::Tensor& hidden) {
    const torch::Tensor first = hidden.index_select(0, batch_.first_tokens);  // [B, D]
    const torch::Tensor pooled = torch::tanh(quant::linear(first, weights_.pooler, quantized_linear_));
    return quant::linear(drop(pooled, draw_hidden_mask(pooled)), weights_.classifier, plain_linear_);
  }

  const format::EncoderConfig& config_;
  const std::optional<QuantizationConfig>& quantization_;
  const Weights& weights_;
  const data::Batch& batch_;
  const ForwardOptions& options_;
  quant::LinearOptions quantized_linear_;
  quant::LinearOptions plain_linear_;
  std::uint64_t site_ = 0;
};

void check_batch(const format::EncoderConfig& config, const data::Batch& batch) {
  for (std::size_t b = 1; b < batch.cu_seqlens.size(); ++b) {
    const std::int64_t length = batch.cu_seqlens[b] - batch.cu_seqlens[b - 1];
    if (length > config.max_position_embeddings) {
      throw base::InvalidArgument(base::concat("sentence ", b - 1, " of the batch: expected at most ",
                                               config.max_position_embeddings, " tokens, found ", length));
    }
  }
}

void append_norm(std::vector<NamedParameter>& parameters, const std::string& prefix, LayerNorm& norm) {
  parameters.push_back({prefix + ".weight", &norm.weight});
  parameters.push_back({prefix + ".bias", &norm.bias});
}

void append_linear(std::vector<NamedParameter>& parameters, const std::string& prefix,
                   quant::LinearParameters& linear) {
  parameters.push_back({prefix + ".weight", &linear.weight});
  parameters.push_back({prefix + ".bias", &linear.bias});
}

bool ends_with(const std::string& text, std::string_view ending) { return text.ends_with(ending); }

/// Whether a parameter of this name is the weight of a linear that a student quantizes: all but the
/// classifier.
bool is_quantizable_linear(const std::string& name) {
  return ends_with(name, ".weight") && !ends_with(name, "LayerNorm.weight") &&
         (name.starts_with("bert.encoder.") || name.starts_with("bert.pooler."));
}

}  // namespace

std::vector<NamedParameter> named_parameters(Weights& weights) {
  std::vector<NamedParameter> result = {
      {"bert.embeddings.word_embeddings.weight", &weights.word_embeddings},
      {"bert.embeddings.position_embeddings.weight", &weights.position_embeddings},
      {"bert.embeddings.token_type_embeddings.weight", &weights.token_type_embeddings}};
  append_norm(result, "bert.embeddings.LayerNorm", weights.embeddings_norm);
  for (std::size_t l = 0; l < weights.layers.size(); ++l) {
    EncoderLayer& layer = weights.layers[l];
    const std::string prefix = "bert.encoder.layer." + std::to_string(l);
    append_linear(result, prefix + ".attention.self.query", layer.query);
    append_linear(result, prefix + ".attention.self.key", layer.key);
    append_linear(result, prefix + ".attention.self.value", layer.value);
    append_linear(result, prefix + ".attention.output.dense", layer.attention_output);
    append_norm(result, prefix + ".attention.output.LayerNorm", layer.attention_norm);
    append_linear(result, prefix + ".intermediate.dense", layer.intermediate);
    append_linear(result, prefix + ".output.dense", layer.output);
    append_norm(result, prefix + ".output.LayerNorm", layer.output_norm);
  }
  append_linear(result, "bert.pooler.dense", weights.pooler);
  append_linear(result, "classifier", weights.classifier);
  return result;
}

std::vector<std::pair<std::string, std::vector<std::int64_t>>> parameter_shapes(
    const format::EncoderConfig& config) {
  Weights names;
  names.layers.resize(static_cast<std::size_t>(config.num_hidden_layers));
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> result;
  for (const NamedParameter& parameter : named_parameters(names)) {
    const std::string& name = parameter.name;
    const bool intermediate = name.find(".intermediate.") != std::string::npos;
    const bool output =
        name.find("attention") == std::string::npos && ends_with(name, ".output.dense.weight");
    const std::int64_t rows = intermediate                     ? config.intermediate_size
                              : name.starts_with("classifier") ? config.num_labels
                                                               : config.hidden_size;
    if (ends_with(name, "word_embeddings.weight")) {
      result.push_back({name, {config.vocab_size, config.hidden_size}});
    } else if (ends_with(name, "position_embeddings.weight")) {
      result.push_back({name, {config.max_position_embeddings, config.hidden_size}});
    } else if (ends_with(name, "token_type_embeddings.weight")) {
      result.push_back({name, {config.type_vocab_size, config.hidden_size}});
    } else if (ends_with(name, ".bias") || name.find("LayerNorm") != std::string::npos) {
      result.push_back({name, {rows}});
    } else {
      result.push_back({name, {rows, output ? config.intermediate_size : config.hidden_size}});
    }
  }
  return result;
}

Classifier::Classifier(format::EncoderConfig config, std::optional<QuantizationConfig> quantization,
                       Weights weights)
    : config_(std::move(config)), quantization_(quantization), weights_(std::move(weights)) {
  const auto shapes = parameter_shapes(config_);
  const std::vector<NamedParameter> parameters = named_parameters(weights_);
  if (shapes.size() != parameters.size()) {
    throw base::InvalidArgument(base::concat("classifier: expected ", config_.num_hidden_layers,
                                             " layers, found ", weights_.layers.size()));
  }
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const torch::Tensor& tensor = *parameters[i].tensor;
    if (!tensor.defined() || tensor.sizes() != torch::IntArrayRef(shapes[i].second)) {
      throw base::InvalidArgument(base::concat("classifier: tensor '", shapes[i].first, "': expected ",
                                               torch::IntArrayRef(shapes[i].second), ", found ",
                                               tensor.defined() ? base::concat(tensor.sizes()) : "none"));
    }
  }
  // A map that dropout scales up by 1 / (1 - p) must stay below the clip: its quantizer passes every
  // gradient.
  if (quantization_ && config_.attention_probs_dropout_prob >= 0.6) {
    throw base::InvalidArgument(base::concat("attention_probs_dropout_prob: expected less than 0.6, found ",
                                             config_.attention_probs_dropout_prob));
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
    if (is_quantizable_linear(parameter.name)) {
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
  return ForwardPass(*this, weights_, batch, options).run_layer(weights_.layers[layer], hidden, unused);
}

Classifier make_student(Classifier& teacher, const QuantizationConfig& quantization) {
  Weights copy;
  copy.layers.resize(teacher.weights().layers.size());
  const std::vector<NamedParameter> from = teacher.parameters();
  const std::vector<NamedParameter> to = named_parameters(copy);
  for (std::size_t i = 0; i < from.size(); ++i) *to[i].tensor = from[i].tensor->detach().clone();
  return {teacher.config(), quantization, std::move(copy)};
}

std::optional<Quantizer> weight_quantizer(const std::string& parameter_name,
                                          const QuantizationConfig& quantization) {
  if (ends_with(parameter_name, "word_embeddings.weight"))
    return embedding_quantizer(quantization.embedding_bits);
  return is_quantizable_linear(parameter_name) ? linear_quantizer(quantization.weight_bits) : std::nullopt;
}

Granularity weight_granularity(const std::string& parameter_name, const QuantizationConfig& quantization) {
  return ends_with(parameter_name, "word_embeddings.weight") ? Granularity::kPerRow
                                                             : linear_granularity(quantization);
}

std::int64_t count_parameters(const format::EncoderConfig& config) {
  std::int64_t count = 0;
  for (const auto& [name, shape] : parameter_shapes(config)) {
    std::int64_t size = 1;
    for (const std::int64_t dimension : shape) size *= dimension;
    count += size;
  }
  return count;
}

}  // namespace kdqat::model
