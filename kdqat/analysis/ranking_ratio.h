#pragma once

#include <cstdint>

#include "kdqat/analysis/sentences.h"
#include "kdqat/data/batch.h"
#include "kdqat/model/classifier.h"

namespace kdqat::analysis {

/// How far down the rows of each head's map a chosen token stands (figure 7 of arXiv:2211.11014): the 0-based
/// rank of its probability in the row, from the largest, divided by the length; ties go by position. Mean
/// over rows, over its places in a sentence, and over the sentences that have it.
class RankingRatio {
 public:
  explicit RankingRatio(std::int64_t token_id) : token_id_(token_id) {}

  /// Attention maps of one batch with H heads.
  void add(const model::Signals& signals, const data::Batch& batch, std::int64_t heads);

  /// [L * H], layer by layer; NaN where no sentence has the token.
  Statistics build() const { return statistics_.build(); }

 private:
  std::int64_t token_id_;
  StatisticsBuilder statistics_;
};

}  // namespace kdqat::analysis
