#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "kdqat/data/batch.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/format/quantization_config.h"
#include "kdqat/model/weights.h"
#include "kdqat/quant/linear.h"

namespace kdqat::model {

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

/// Where the elements of a ragged signal belong: those of one sentence are [H, n_b, n_b], sentence after
/// sentence.
struct PairShape {
  std::vector<std::int64_t> cu_seqlens;  ///< [B+1], the batch's
  std::int64_t heads = 1;
  std::vector<std::int64_t> windows;  ///< a layer each: pairs farther apart do not exist; empty or 0: all do

  std::int64_t window(std::size_t layer) const { return windows.empty() ? 0 : windows[layer]; }
};

/// Every signal that a loss or an analysis reads; empty where it is not kept. [T, D] but for the logits and
/// the ragged ones, whose elements for pairs that do not exist are 0.
struct Signals {
  torch::Tensor logits;                         ///< [B, C]
  std::vector<torch::Tensor> hidden_states;     ///< L + 1: of the embedding and of each layer
  std::vector<torch::Tensor> attention_scores;  ///< L, ragged: before the softmax
  std::vector<torch::Tensor> attention_map;     ///< L, ragged: after the softmax, before dropout
  std::vector<torch::Tensor> context;           ///< L: map times value, heads side by side
  std::vector<torch::Tensor> sa_output;         ///< L: output projection, before residual and LayerNorm
  std::vector<torch::Tensor>
      attention_output;  ///< L: after the residual, and its LayerNorm where norms come last
  PairShape pairs;       ///< of attention_scores and attention_map
};

/// An encoder with a classifier, teacher and student alike:
///
///   const Signals signals = classifier.forward(batch);   // signals.logits [B, C]
///
/// The student has a quantization config and quantizes in every forward pass, as TernaryBERT does
/// (arXiv:2009.12812): each linear of the encoder and of the head with its input, the word embedding, and the
/// operands of attention's products. The other embeddings, biases, LayerNorm, softmax, activations, residuals
/// and the classifier stay in floating point.
class Classifier {
 public:
  /// Takes weights of the shapes of `config`. Throws InvalidArgument if a shape differs, or if dropout of
  /// attention is so large (0.6) that a quantized map could reach the clip.
  Classifier(encoder::EncoderConfig config, std::optional<format::QuantizationConfig> quantization,
             Weights weights);

  const encoder::EncoderConfig& config() const { return config_; }
  encoder::EncoderConfig& config() { return config_; }
  const std::optional<format::QuantizationConfig>& quantization() const { return quantization_; }
  Weights& weights() { return weights_; }
  std::vector<NamedParameter> parameters() { return named_parameters(weights_, config_); }

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
  encoder::EncoderConfig config_;
  std::optional<format::QuantizationConfig> quantization_;
  Weights weights_;
};

/// A student that starts as `teacher`: copies of its weights, quantized in its forward pass.
Classifier make_student(Classifier& teacher, const format::QuantizationConfig& quantization);

}  // namespace kdqat::model
