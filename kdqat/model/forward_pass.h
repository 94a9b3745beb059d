#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "kdqat/data/batch.h"
#include "kdqat/model/attention.h"
#include "kdqat/model/classifier.h"
#include "kdqat/model/dropout.h"

namespace kdqat::model {

/// Rows of the position table that the tokens of a batch take, int64 [T] (encoder/positions.h).
torch::Tensor position_rows(const encoder::EncoderSpec& spec, const data::Batch& batch);

/// One forward pass of a classifier: what its steps share. For classifier.cc.
class ForwardPass {
 public:
  /// All arguments must outlive it.
  ForwardPass(const Classifier& classifier, const Weights& weights, const data::Batch& batch,
              const ForwardOptions& options);

  Signals run();

  /// hidden [T, D] -> [T, D]; appends what options.signals asks for.
  torch::Tensor run_layer(std::size_t layer, const torch::Tensor& hidden, Signals& signals);

 private:
  torch::Tensor embed();
  AttentionTerms attention_terms(std::size_t layer);
  void add_relative_bias(AttentionTerms& terms);
  void add_disentangled(const EncoderLayer& layer, AttentionTerms& terms);
  torch::Tensor pool(const torch::Tensor& hidden) const;
  torch::Tensor classify(const torch::Tensor& hidden);

  /// The next mask of this pass; none in evaluation.
  DropoutMask draw_mask(std::int64_t count, double probability);
  torch::Tensor drop_out(const torch::Tensor& values, double probability);

  /// LayerNorm(x + residual); the residual may be undefined.
  torch::Tensor normalize(const torch::Tensor& x, const torch::Tensor& residual, const LayerNorm& norm) const;

  const encoder::EncoderConfig& config_;
  const std::optional<format::QuantizationConfig>& quantization_;
  const Weights& weights_;
  const data::Batch& batch_;
  const ForwardOptions& options_;
  quant::LinearOptions quantized_linear_;
  torch::Tensor relative_embeddings_;  ///< normalized; undefined before the first layer that reads them
  std::uint64_t site_ = 0;
};

}  // namespace kdqat::model
