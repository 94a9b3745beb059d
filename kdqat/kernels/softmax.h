#pragma once

#include <cstdint>

namespace kdqat::kernels {

/// Rows of scores, each in whole vectors (kLanes), of which the elements [first, last) exist.
struct ScoresRows {
  float* scores = nullptr;
  std::int64_t rows = 1;
  std::int64_t stride = 0;  ///< from one row to the next; whole vectors
  std::int64_t size = 0;    ///< of a row; whole vectors, at least last
  std::int64_t first = 0;
  std::int64_t last = 0;
  float factor = 1.0F;
  const float* bias = nullptr;  ///< of every row, read from first to last; nullptr: none
};

/// Where softmax_rows writes: rows of `stride`, of which it writes the elements [first, last).
struct SoftmaxOut {
  float* scores = nullptr;  ///< those of the input: its rows stay where they are, and whole rows are written
  float* map = nullptr;
  std::int64_t stride = 0;
  float* spare = nullptr;  ///< room for a row, unless whole rows are written
};

/// scores = scores * factor + bias, and map = softmax(scores) over [first, last). Where whole rows are
/// written, what does not exist becomes -infinity and 0.
void softmax_rows(const ScoresRows& rows, const SoftmaxOut& out);

/// A row of whole vectors of gradients that meet at the map, zeros where there is none.
struct MapRow {
  const float* map;
  const std::uint8_t* keep;  ///< nullptr: no dropout
  float dropout_factor;
  const float* arriving_map;     ///< nullptr: none
  const float* arriving_scores;  ///< nullptr: none
};

/// gradient, of the map after dropout, becomes factor * gradient of the scores: p (g - sum p g) + arriving.
void softmax_row_backward(const MapRow& row, std::int64_t size, float factor, float* gradient);

}  // namespace kdqat::kernels
