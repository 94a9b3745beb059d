#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kdqat/analysis/sentences.h"
#include "kdqat/data/batch.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/model/classifier.h"

// Norms of what attention generates and propagates:
//
//   const std::vector<AttentionNorms> norms = NormAnalysis(student).norms(batch, signals);
//   norms[layer].f_x;  // [H, T]

namespace kdqat::analysis {

/// Norm-based analysis of one layer's attention (Kobayashi et al., EMNLP 2020, arXiv:2004.10102). A key token
/// x gives f(x) = (x W_V + b_V) W_O through a head. A query takes the part a f(x) of it, with a from the map.
struct AttentionNorms {
  torch::Tensor f_x;        ///< [H, T]: ||f(x)||
  torch::Tensor alpha_f_x;  ///< ragged [H, n_b, n_b], query by key: ||a f(x)||
  torch::Tensor summed;     ///< ragged [n_b, n_b]: || sum over heads of a f(x) ||

  /// The part [n_b, n_b] of `summed` of one sequence; `sentence` is a range for H heads.
  torch::Tensor summed_of(const SentenceRange& sentence) const;
};

/// Computes the norms of one model. For a student, x and the result of the value projection are quantized as
/// in its forward pass, and W_V and W_O are dequantized. a is the map before its own quantization.
class NormAnalysis {
 public:
  explicit NormAnalysis(model::Classifier& classifier);

  /// One entry a layer, float32. `signals` are those of this model on `batch`: hidden_states, attention_map.
  std::vector<AttentionNorms> norms(const data::Batch& batch, const model::Signals& signals) const;

 private:
  /// What a layer's attention reads: the hidden state, behind its LayerNorm in pre-norm encoders.
  torch::Tensor attention_input(std::size_t layer, const torch::Tensor& hidden) const;

  AttentionNorms layer_norms(const model::EncoderLayer& layer, const data::Batch& batch,
                             const torch::Tensor& hidden, const torch::Tensor& map) const;

  encoder::EncoderConfig config_;
  std::optional<format::QuantizationConfig> quantization_;
  model::Weights values_;
};

enum class TokenClass : std::uint8_t { kCls, kSep, kPunctuation, kOther };

/// The names of the classes in this order, then "all".
inline constexpr std::array<std::string_view, 5> kTokenClassNames = {"cls", "sep", "punctuation", "other",
                                                                     "all"};

/// How far a student's attention is from its teacher's, by layer and by class of the key token (figure 6 of
/// arXiv:2211.11014). In each sequence it is |mean of the teacher - mean of the student|, with means over
/// heads, query rows and the keys of the class. The result is averaged over the sequences that have such a
/// token.
class NormDifferences {
 public:
  /// One model's part of a batch.
  struct Side {
    const std::vector<AttentionNorms>& norms;
    const model::Signals& signals;
  };

  /// Adds one batch; `classes` [T]. Throws InvalidArgument if layers or classes do not fit.
  void add(const Side& teacher, const Side& student, const data::Batch& batch,
           std::span<const TokenClass> classes);

  /// [L * 5], layer by layer, classes in the order of kTokenClassNames; NaN if no sequence has such a token.
  Statistics map() const { return map_.build(); }        ///< of a: SA-GEN
  Statistics f_x() const { return f_x_.build(); }        ///< of ||f(x)||: SA-PROP
  Statistics summed() const { return summed_.build(); }  ///< of ||sum over heads of a f(x)||

  /// [L * H]: the same of each head, over all keys.
  Statistics f_x_by_head() const { return f_x_by_head_.build(); }
  Statistics alpha_f_x_by_head() const { return alpha_f_x_by_head_.build(); }

 private:
  StatisticsBuilder map_;
  StatisticsBuilder f_x_;
  StatisticsBuilder summed_;
  StatisticsBuilder f_x_by_head_;
  StatisticsBuilder alpha_f_x_by_head_;
};

}  // namespace kdqat::analysis
