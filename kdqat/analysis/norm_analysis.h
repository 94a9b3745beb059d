#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kdqat/analysis/sentences.h"
#include "kdqat/data/batch.h"
#include "kdqat/model/classifier.h"

namespace kdqat::analysis {

/// Norm-based analysis of one layer's attention (Kobayashi et al., EMNLP 2020, arXiv:2004.10102): what a key
/// token x gives through head h is f(x) = (x W_V + b_V) W_O, of which a query takes the part a f(x).
struct AttentionNorms {
  torch::Tensor f_x;        ///< [H, T]: ||f(x)||
  torch::Tensor alpha_f_x;  ///< ragged [H, n_b, n_b], query by key: ||a f(x)||
  torch::Tensor summed;     ///< ragged [n_b, n_b]: || sum over heads of a f(x) ||

  /// The part [n_b, n_b] of `summed`; `sentence` is a range for H heads.
  torch::Tensor summed_of(const SentenceRange& sentence) const;
};

/// Computes the norms of one model.
///
/// Of a student, x and the result of the value projection are quantized as in its forward pass and W_V, W_O
/// are the values of their codes; a is the map before its own quantization.
class NormAnalysis {
 public:
  explicit NormAnalysis(model::Classifier& classifier);

  /// One entry a layer, float32; `signals` (hidden_states, attention_map) are the model's own on `batch`.
  std::vector<AttentionNorms> norms(const data::Batch& batch, const model::Signals& signals) const;

 private:
  AttentionNorms layer_norms(const model::EncoderLayer& layer, const data::Batch& batch,
                             const torch::Tensor& hidden, const torch::Tensor& map) const;

  encoder::EncoderConfig config_;
  std::optional<format::QuantizationConfig> quantization_;
  model::Weights values_;
};

enum class TokenClass : std::uint8_t { kCls, kSep, kPunctuation, kOther };

/// The classes' names in this order, and "all" behind them.
inline constexpr std::array<std::string_view, 5> kTokenClassNames = {"cls", "sep", "punctuation", "other",
                                                                     "all"};

/// How far a student's attention is from its teacher's, by layer and by class of the key token (figure 6 of
/// arXiv:2211.11014): |mean of the teacher - mean of the student| in each sentence, averaged over the
/// sentences that have such a token. Means run over heads, query rows and the keys of the class.
class NormDifferences {
 public:
  /// One model's part of a batch.
  struct Side {
    const std::vector<AttentionNorms>& norms;
    const model::Signals& signals;
  };

  /// One batch through both models; `classes` [T]. Throws InvalidArgument if layers or classes do not fit.
  void add(const Side& teacher, const Side& student, const data::Batch& batch,
           std::span<const TokenClass> classes);

  /// [L * 5], layer by layer, classes in the order of kTokenClassNames; NaN where no sentence has such a
  /// token.
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
