#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

// Sequence by sequence through a ragged signal:
//
//   for (const SentenceRange& sentence : sentence_ranges(batch.cu_seqlens, /*heads=*/12)) {
//     const torch::Tensor map = pairs_of(signals.attention_map[layer], sentence, 12);  // [H, n_b, n_b]
//   }

namespace kdqat::analysis {

/// Where one sequence lies in a batch and in its ragged signals (see kernels/attention.h).
struct SentenceRange {
  std::int64_t first_token = 0;
  std::int64_t length = 0;      ///< n_b
  std::int64_t first_pair = 0;  ///< in a ragged signal, whose part is [H, n_b, n_b]
};

/// The ranges of all sequences. cu_seqlens [B+1].
std::vector<SentenceRange> sentence_ranges(std::span<const std::int64_t> cu_seqlens, std::int64_t heads);

/// The part [H, n_b, n_b] of one sequence in a ragged signal; a view.
torch::Tensor pairs_of(const torch::Tensor& ragged, const SentenceRange& sentence, std::int64_t heads);

/// Mean and standard deviation over sequences, for each of several places such as heads; NaN if no sequence
/// has a value.
struct Statistics {
  std::vector<double> mean;
  std::vector<double> deviation;  ///< weighted standard deviation of the sequences' values
};

/// Collects one value for each place and sequence. Sequences may have weights.
class StatisticsBuilder {
 public:
  /// Adds the values of one sequence, as many as in earlier calls; NaN for a place without a value. weight >
  /// 0.
  void add(std::vector<double> values, double weight = 1.0);

  /// Empty if no sequence was added.
  Statistics build() const;

 private:
  struct Row {
    std::vector<double> values;
    double weight;
  };

  std::vector<Row> rows_;
};

}  // namespace kdqat::analysis
