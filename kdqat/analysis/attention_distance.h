#pragma once

#include <cstdint>
#include <span>

#include "kdqat/analysis/sentences.h"
#include "kdqat/model/classifier.h"

namespace kdqat::analysis {

/// How far down a student's row the teacher's most attended tokens are (figure 4 of arXiv:2211.11014): the
/// greatest 0-based rank in `student`, sorted from the largest, of the top_k largest of `teacher`, divided by
/// the length n. Ties go by position, in both. Rows [n]; all tokens are taken where top_k > n. Throws
/// InvalidArgument for rows of different lengths, empty ones, or top_k < 1.
double cover_length_ratio(std::span<const float> teacher, std::span<const float> student, std::int64_t top_k);

/// How much a student's row is out of the teacher's order (Liu et al., NeurIPS 2021, arXiv:2106.14156):
/// sum over pairs i < j of max(0, -(s_i - s_j) sign(t_i - t_j)). Rows [n] of one length, else
/// InvalidArgument.
double ranking_loss(std::span<const float> teacher, std::span<const float> student);

/// Cover length ratio (mean over all rows of all sentences) and ranking loss (summed over the rows of a
/// sentence, mean over sentences) of each head, gathered batch by batch.
class AttentionDistance {
 public:
  /// top_k >= 1, else InvalidArgument.
  explicit AttentionDistance(std::int64_t top_k);

  /// Attention maps of one batch: cu_seqlens [B+1], H heads. Throws InvalidArgument if the models kept maps
  /// of different layers or sizes.
  void add(const model::Signals& teacher, const model::Signals& student,
           std::span<const std::int64_t> cu_seqlens, std::int64_t heads);

  /// [L * H], layer by layer. The spread is that of the sentences' means.
  Statistics cover_length_ratio() const { return cover_.build(); }
  Statistics ranking_loss() const { return ranking_.build(); }

 private:
  std::int64_t top_k_;
  StatisticsBuilder cover_;
  StatisticsBuilder ranking_;
};

}  // namespace kdqat::analysis
