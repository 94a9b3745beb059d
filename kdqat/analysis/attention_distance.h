#pragma once

#include <cstdint>
#include <span>

#include "kdqat/analysis/sentences.h"
#include "kdqat/model/classifier.h"

// How far a student's attention maps are from its teacher's:
//
//   AttentionDistance distance(/*top_k=*/5);
//   distance.add(teacher_signals, student_signals, batch.cu_seqlens, /*heads=*/12);
//   distance.cover_length_ratio().mean;  // [L * H]

namespace kdqat::analysis {

/// Cover length ratio of one row [n] of both maps (figure 4 of arXiv:2211.11014). Take the top_k tokens that
/// the teacher attends to most. The ratio is their greatest 0-based rank in the student's row, sorted from
/// the largest, divided by n. Ties go by position, in both rows. With top_k > n all tokens are taken. Throws
/// InvalidArgument for empty rows, rows of different lengths, or top_k < 1.
double cover_length_ratio(std::span<const float> teacher, std::span<const float> student, std::int64_t top_k);

/// Ranking loss of one row [n] of both maps (Liu et al., NeurIPS 2021, arXiv:2106.14156): how much the
/// student's row is out of the teacher's order. It is the sum over pairs i < j of max(0, -(s_i - s_j)
/// sign(t_i - t_j)). Throws InvalidArgument for rows of different lengths.
double ranking_loss(std::span<const float> teacher, std::span<const float> student);

/// Both distances of each head, collected batch by batch. The cover length ratio is a mean over all rows of
/// all sequences. The ranking loss is summed over the rows of a sequence; its mean is over sequences.
class AttentionDistance {
 public:
  /// Throws InvalidArgument unless top_k >= 1.
  explicit AttentionDistance(std::int64_t top_k);

  /// Adds the attention maps of one batch: cu_seqlens [B+1], H heads. Throws InvalidArgument if the models'
  /// maps differ in layers or sizes.
  void add(const model::Signals& teacher, const model::Signals& student,
           std::span<const std::int64_t> cu_seqlens, std::int64_t heads);

  /// [L * H], layer by layer. The deviation is that of the sequences' means.
  Statistics cover_length_ratio() const { return cover_.build(); }
  Statistics ranking_loss() const { return ranking_.build(); }

 private:
  std::int64_t top_k_;
  StatisticsBuilder cover_;
  StatisticsBuilder ranking_;
};

}  // namespace kdqat::analysis
