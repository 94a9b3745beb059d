#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kdqat/data/batch.h"
#include "kdqat/format/encoder_config.h"
#include "kdqat/format/quantization_config.h"
#include "kdqat/model/layer_norm.h"
#include "kdqat/quant/linear.h"

namespace kdqat::model {

struct EncoderLayer {
  quant::LinearParameters query;             ///< [D, D]
  quant::LinearParameters key;               ///< [D, D]
  quant::LinearParameters value;             ///< [D, D]
  quant::LinearParameters attention_output;  ///< [D, D]
  LayerNorm attention_norm;
  quant::LinearParameters intermediate;  ///< [F, D]
  quant::LinearParameters output;        ///< [D, F]
  LayerNorm output_norm;
};

/// Every parameter of a classifier; float32 and latent where the model is quantized.
struct Weights {
  torch::Tensor word_embeddings;        ///< [V, D]
  torch::Tensor position_embeddings;    ///< [max_position_embeddings, D]
  torch::Tensor token_type_embeddings;  ///< [type_vocab_size, D]
  LayerNorm embeddings_norm;
  std::vector<EncoderLayer> layers;
  quant::LinearParameters pooler;      ///< [D, D]
  quant::LinearParameters classifier;  ///< [C, D]
};

/// A parameter under the name that Hugging Face's BertForSequenceClassification gives it.
struct NamedParameter {
  std::string name;
  torch::Tensor* tensor;
};

/// All parameters in the order of Hugging Face's modules.
std::vector<NamedParameter> named_parameters(Weights& weights);

/// Shapes of the parameters by `config`, in the same order, with nothing allocated.
std::vector<std::pair<std::string, std::vector<std::int64_t>>> parameter_shapes(
    const format::EncoderConfig& config);

/// Which signals a forward pass keeps; the logits always.
struct SignalSelection {
  bool hidden_states = true;
  bool attention_scores = true;
  bool attention_map = true;
  bool context = true;
  bool sa_output = true;
  bool attention_output = true;
};

/// The logits alone.
inline constexpr SignalSelection kNoSignals{.hidden_states = false,
                                            .attention_scores = false,
                                            .attention_map = false,
                                            .context = false,
                                            .sa_output = false,
                                            .attention_output = false};

/// How a forward pass is carried out.
struct ForwardOptions {
  /// Where dropout draws from while training; none in evaluation.
  struct Dropout {
    std::uint64_t seed = 0;
    std::uint64_t update = 0;
  };
  std::optional<Dropout> dropout;
  quant::Form form = quant::Form::kFused;
  quant::Precision precision = quant::Precision::kFp32;
  SignalSelection signals{};
};

/// Every signal that a loss or an analysis reads; empty where it is not kept. [T, D] but for the logits and
/// the ragged ones (see kernels/attention.h): those of one sentence are [H, n_b, n_b], sentence after
/// sentence.
struct Signals {
  torch::Tensor logits;                         ///< [B, C]
  std::vector<torch::Tensor> hidden_states;     ///< L + 1: of the embedding and of each layer
  std::vector<torch::Tensor> attention_scores;  ///< L, ragged: before the softmax
  std::vector<torch::Tensor> attention_map;     ///< L, ragged: after the softmax, before dropout
  std::vector<torch::Tensor> context;           ///< L: map times value, heads side by side
  std::vector<torch::Tensor> sa_output;         ///< L: output projection, before residual and LayerNorm
  std::vector<torch::Tensor> attention_output;  ///< L: after residual and LayerNorm
};

/// BERT with a classifier on its pooler (Devlin et al., 2019, arXiv:1810.04805); teacher and student alike:
/// the student has a quantization config and quantizes in every forward pass, as TernaryBERT does
/// (arXiv:2009.12812): each linear of the encoder and the pooler with its input, the word embedding, and the
/// operands of both products of attention. Position and token-type embeddings, biases, LayerNorm, softmax,
/// GELU, residuals and the classifier stay in floating point.
class Classifier {
 public:
  /// Takes weights of the shapes of `config`. Throws InvalidArgument if a shape differs, or if dropout of
  /// attention is so large (0.6) that a quantized map could reach the clip.
  Classifier(format::EncoderConfig config, std::optional<format::QuantizationConfig> quantization,
             Weights weights);

  const format::EncoderConfig& config() const { return config_; }
  format::EncoderConfig& config() { return config_; }
  const std::optional<format::QuantizationConfig>& quantization() const { return quantization_; }
  Weights& weights() { return weights_; }
  std::vector<NamedParameter> parameters() { return named_parameters(weights_); }

  /// Whether autograd records gradients of the parameters.
  void set_requires_grad(bool requires_grad);

  /// Rounds the weights of the quantizable linears once to what products of this precision round them to at
  /// every pass, and frees the others: for a model in floating point that only runs forward in the fused form
  /// from here on, as a teacher. Does nothing where products are float32.
  void freeze(quant::Precision precision);

  /// Throws InvalidArgument if a sentence is longer than the positions or an id is outside of its table.
  Signals forward(const data::Batch& batch, const ForwardOptions& options = {}) const;

  /// What layer `layer` alone makes of `hidden` [T, D], another hidden state than forward's if need be.
  /// Throws InvalidArgument for a layer that there is not, or as forward does.
  torch::Tensor forward_layer(std::size_t layer, const torch::Tensor& hidden, const data::Batch& batch,
                              const ForwardOptions& options = {}) const;

 private:
  format::EncoderConfig config_;
  std::optional<format::QuantizationConfig> quantization_;
  Weights weights_;
};

/// A student that starts as `teacher`: copies of its weights, quantized in its forward pass.
Classifier make_student(Classifier& teacher, const format::QuantizationConfig& quantization);

/// What quantizes a parameter of this name under `quantization`; none for what stays in floating point.
std::optional<quant::Quantizer> weight_quantizer(const std::string& parameter_name,
                                                 const format::QuantizationConfig& quantization);

/// What shares a scale in a quantized parameter of this name: a row of the word embedding; of the linears as
/// configured.
quant::Granularity weight_granularity(const std::string& parameter_name,
                                      const format::QuantizationConfig& quantization);

/// Number of parameters of a classifier of this configuration.
std::int64_t count_parameters(const format::EncoderConfig& config);

}  // namespace kdqat::model
