#pragma once

#include <cstdint>

#include "kdqat/analysis/sentences.h"
#include "kdqat/data/batch.h"
#include "kdqat/model/classifier.h"

// The rank of [CLS] in the attention maps of each head:
//
//   RankingRatio ratio(tokenizer_id_of_cls);
//   ratio.add(signals, batch, /*heads=*/12);
//   ratio.build().mean;  // [L * H]

namespace kdqat::analysis {

/// How far down the rows of each head's map a chosen token stands (figure 7 of arXiv:2211.11014). In a row it
/// is the 0-based rank of the token's probability, from the largest, divided by the length; ties go by
/// position. The result is a mean over rows, over the token's places in a sequence, and over the sequences
/// that have it.
class RankingRatio {
 public:
  explicit RankingRatio(std::int64_t token_id) : token_id_(token_id) {}

  /// Adds the attention maps of one batch with H heads.
  void add(const model::Signals& signals, const data::Batch& batch, std::int64_t heads);

  /// [L * H], layer by layer; NaN if no sequence has the token.
  Statistics build() const { return statistics_.build(); }

 private:
  std::int64_t token_id_;
  StatisticsBuilder statistics_;
};

}  // namespace kdqat::analysis
