#pragma once

#include <cstdint>
#include <vector>

#include "kdqat/kernels/attention_head.h"

namespace kdqat::kernels {

/// One of the products with positions (AttentionTerms) of a sentence and head: operand_x table[index(i - j)],
/// where x is the query token i or the key token j. It is computed as operand table^T, of the rows of the
/// table that occur, from which each pair takes its element.
class PositionTerm {
 public:
  enum class Of { kQuery, kKey };  ///< whose operand it is

  PositionTerm(const AttentionInput& input, const AttentionHead& head, Of of);

  bool exists() const { return !offsets_.empty(); }

  /// Prepares for add_to; `scratch` keeps what it needs.
  void multiply_forward(simd::Scratch& scratch);

  /// scores[j] += the term of `query` and j, for the keys j.
  void add_to(std::int64_t query, const TokenRange& keys, float* scores) const;

  /// From the gradient of the term at each pair [n, n]: adds to the operand's gradient [n, head_size] and,
  /// unless nullptr, to the table's [R, D].
  void backward(const simd::Tile& gradient, const Band& band, const simd::Tile& operand_gradient,
                float* table_gradient, simd::Scratch& scratch) const;

 private:
  /// Row of the table for a query and key 0, counted from the first that occurs; that of key j is j behind
  /// it.
  const std::int32_t* offsets(std::int64_t query) const {
    return offsets_.data() + operand_.rows - 1 - query;
  }

  Of of_;
  simd::TileView operand_;             ///< [n, head_size]
  simd::TileView table_;               ///< [rows that occur, head_size]
  std::int64_t table_offset_ = 0;      ///< of its first element in [R, D]
  std::vector<std::int32_t> offsets_;  ///< by j - i + n - 1
  simd::Tile product_;                 ///< operand table^T
};

/// Floats of scratch memory that the terms of a head need at most.
std::int64_t term_scratch_size(const AttentionInput& input, const AttentionHead& head);

/// The gradients of the tables while they are summed: one sum a group of sentences, the groups' added in
/// order.
class TableGradients {
 public:
  TableGradients(const AttentionInput& input, const AttentionOperandGradients& result);

  /// Groups of sentences (for_heads): a few where there is something to sum, else one a sentence.
  std::int64_t groups() const { return groups_; }

  /// Where a group adds; nullptr where nothing is wanted. That of the bias begins with the head's row.
  float* bias(std::int64_t group, std::int64_t head) { return at(bias_, group, head * bias_cols_); }
  float* position_key(std::int64_t group) { return at(position_key_, group, 0); }
  float* position_query(std::int64_t group) { return at(position_query_, group, 0); }

  /// Writes the sums.
  void finalize() const;

 private:
  struct Sums {
    float* result = nullptr;
    std::int64_t size = 0;
    std::vector<float> values = {};
  };

  Sums sums(float* result, std::int64_t size) const;
  static float* at(Sums& sums, std::int64_t group, std::int64_t offset) {
    return sums.result == nullptr ? nullptr : sums.values.data() + group * sums.size + offset;
  }

  std::int64_t groups_;
  std::int64_t bias_cols_;
  Sums bias_;
  Sums position_key_;
  Sums position_query_;
};

}  // namespace kdqat::kernels
