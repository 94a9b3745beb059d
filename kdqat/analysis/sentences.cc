#include "kdqat/analysis/sentences.h"

#include <cmath>
#include <utility>

namespace kdqat::analysis {

std::vector<SentenceRange> sentence_ranges(std::span<const std::int64_t> cu_seqlens, std::int64_t heads) {
  std::vector<SentenceRange> ranges;
  std::int64_t first_pair = 0;
  for (std::size_t b = 0; b + 1 < cu_seqlens.size(); ++b) {
    const std::int64_t length = cu_seqlens[b + 1] - cu_seqlens[b];
    ranges.push_back({.first_token = cu_seqlens[b], .length = length, .first_pair = first_pair});
    first_pair += heads * length * length;
  }
  return ranges;
}

torch::Tensor pairs_of(const torch::Tensor& ragged, const SentenceRange& sentence, std::int64_t heads) {
  const std::int64_t length = sentence.length;
  return ragged.slice(0, sentence.first_pair, sentence.first_pair + heads * length * length)
      .view({heads, length, length});
}

void StatisticsBuilder::add(std::vector<double> values, double weight) {
  rows_.push_back({.values = std::move(values), .weight = weight});
}

Statistics StatisticsBuilder::build() const {
  if (rows_.empty()) return {};
  const std::size_t places = rows_.front().values.size();
  Statistics result;
  for (std::size_t i = 0; i < places; ++i) {
    double total = 0.0;
    double sum = 0.0;
    for (const Row& row : rows_) {
      if (std::isnan(row.values[i])) continue;
      total += row.weight;
      sum += row.weight * row.values[i];
    }
    const double mean = sum / total;
    double squares = 0.0;
    for (const Row& row : rows_) {
      if (!std::isnan(row.values[i])) squares += row.weight * std::pow(row.values[i] - mean, 2);
    }
    result.mean.push_back(mean);
    result.deviation.push_back(std::sqrt(squares / total));
  }
  return result;
}

}  // namespace kdqat::analysis
