#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kdqat/evaluate/metrics.h"

namespace kdqat::evaluate {

/// Where the answers of two classifiers to the same examples differ.
struct AnswerDifferences {
  std::int64_t different = 0;          ///< examples with two answers
  std::int64_t only_first_right = 0;   ///< of these, the first answer is the label
  std::int64_t only_second_right = 0;  ///< or the second is

  /// Exact two-sided p-value (McNemar, 1947, Psychometrika 12): how likely a fair coin makes the two counts
  /// of right answers at least as unequal; 1 if both are 0.
  double mcnemar_p_value() const;
};

/// Three spans of one length. Throws InvalidArgument for others.
AnswerDifferences compare_answers(std::span<const double> labels, std::span<const double> first,
                                  std::span<const double> second);

struct BootstrapConfig {
  std::int64_t resamples = 2000;
  std::uint64_t seed = 42;
};

/// A model's score on some examples, and on resamples of them: as many, drawn with replacement.
struct ResampledScores {
  double score = 0.0;
  std::vector<double> resamples;
};

/// Which examples a resample has depends on the configuration, its number and how many there are: the k-th
/// resamples of two models are of the same examples, which makes their difference a paired one. Throws
/// InvalidArgument as score_of does, and for resamples < 1.
ResampledScores resample_scores(data::Metric metric, std::span<const double> labels,
                                std::span<const double> predictions, const BootstrapConfig& config = {});

/// By how much one setting scores higher than another.
struct PairedDifference {
  double difference = 0.0;  ///< mean over the pairs
  double low = 0.0;         ///< ends of its 95 % interval: the percentiles 2.5 and 97.5 of the resamples
  double high = 0.0;
  double p_value = 1.0;  ///< two-sided
};

/// The paired bootstrap over examples (Efron and Tibshirani, 1993): run k of `first` and run k of `second`
/// are a pair, such as of one seed; a resample's difference is the mean over the pairs. With d the
/// differences of R resamples
///   p = 2 min(1 + #(d <= 0), 1 + #(d >= 0)) / (R + 1), at most 1.
/// Runs are held fixed: this is about the examples, and says nothing of other seeds.
///
/// Throws InvalidArgument if there is no pair, or the numbers of runs or of resamples differ.
PairedDifference compare_scores(std::span<const ResampledScores> first,
                                std::span<const ResampledScores> second);

}  // namespace kdqat::evaluate
