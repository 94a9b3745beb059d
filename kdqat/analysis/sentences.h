#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

namespace kdqat::analysis {

/// Where one sentence lies in a batch and in its ragged signals (see kernels/attention.h).
struct SentenceRange {
  std::int64_t first_token = 0;
  std::int64_t length = 0;      ///< n_b
  std::int64_t first_pair = 0;  ///< in a ragged signal, whose part is [H, n_b, n_b]
};

/// Those of all sentences. cu_seqlens [B+1].
std::vector<SentenceRange> sentence_ranges(std::span<const std::int64_t> cu_seqlens, std::int64_t heads);

/// The part [H, n_b, n_b] of a ragged signal; a view.
torch::Tensor pairs_of(const torch::Tensor& ragged, const SentenceRange& sentence, std::int64_t heads);

/// Mean and spread over sentences of one number for each of several places, such as heads; NaN where no
/// sentence has a value.
struct Statistics {
  std::vector<double> mean;
  std::vector<double> deviation;  ///< weighted standard deviation of the sentences' values
};

/// Gathers one value a place and sentence; sentences may have weights.
class StatisticsBuilder {
 public:
  /// Values of one sentence, as many as in every call before; NaN where it has none. weight > 0.
  void add(std::vector<double> values, double weight = 1.0);

  /// Empty without a sentence.
  Statistics build() const;

 private:
  struct Row {
    std::vector<double> values;
    double weight;
  };

  std::vector<Row> rows_;
};

}  // namespace kdqat::analysis
