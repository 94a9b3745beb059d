#include "kdqat/kernels/softmax.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "kdqat/simd/lanes.h"
#include "kdqat/simd/multiversion.h"
#include "kdqat/simd/reduce.h"
#include "kdqat/simd/vector_math.h"

namespace kdqat::kernels {
namespace {

/// scores = scores * factor + bias, map = softmax(scores); -infinity and 0 where nothing exists. Inlined by
/// force, so that it is compiled for the instruction set of its caller.
__attribute__((always_inline)) inline void softmax_row(const ScoresRows& row, float* scores, float* map) {
  const std::int64_t size = row.size;
  const float factor = row.factor;
  for (std::int64_t i = 0; i < size; ++i) scores[i] *= factor;
  if (row.bias != nullptr) {
    for (std::int64_t i = row.first; i < row.last; ++i) scores[i] += row.bias[i];
  }
  if (row.first > 0) std::fill_n(scores, row.first, -std::numeric_limits<float>::infinity());
  for (std::int64_t i = row.last; i < size; ++i) scores[i] = -std::numeric_limits<float>::infinity();
  simd::FloatLanes maxima = simd::load_lanes(scores);
  for (std::int64_t i = simd::kLanes; i < size; i += simd::kLanes) {
    const simd::FloatLanes others = simd::load_lanes(scores + i);
    maxima = maxima > others ? maxima : others;
  }
  const float maximum = simd::max_of_lanes(simd::array_of<float>(maxima));
  for (std::int64_t i = 0; i < size; ++i) map[i] = simd::exp_nonpositive(scores[i] - maximum);
  const float inverse = 1.0F / simd::sum_of_vectors<float>(
                                   size, [&](const auto& load, std::int64_t i) { return load(map + i); });
  for (std::int64_t i = 0; i < size; ++i) map[i] *= inverse;
}

}  // namespace

KDQAT_MULTIVERSION
void softmax_rows(const ScoresRows& input, const SoftmaxOut& out) {
  const ScoresRows rows = input;  // in registers
  const bool whole_rows = out.scores == rows.scores;
  const auto bytes = static_cast<std::size_t>(rows.last - rows.first) * sizeof(float);
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    float* scores = rows.scores + row * rows.stride;
    float* map = out.map + row * out.stride;
    if (whole_rows) {
      softmax_row(rows, scores, map);
      continue;
    }
    softmax_row(rows, scores, out.spare);
    std::memcpy(out.scores + row * out.stride + rows.first, scores + rows.first, bytes);
    std::memcpy(map + rows.first, out.spare + rows.first, bytes);
  }
}

KDQAT_MULTIVERSION
void softmax_row_backward(const MapRow& row, std::int64_t size, float factor, float* gradient) {
  if (row.keep != nullptr) {
    const std::uint8_t* keep = row.keep;
    const float dropout_factor = row.dropout_factor;
    simd::for_lanes(
        size, [&](const auto& lanes, std::int64_t i) __attribute__((always_inline)) {
          lanes.store(lanes.kept(keep + i, lanes.load(gradient + i) * dropout_factor), gradient + i);
        });
  }
  if (row.arriving_map != nullptr) {
    for (std::int64_t i = 0; i < size; ++i) gradient[i] += row.arriving_map[i];
  }
  const float sum = simd::sum_of_vectors<float>(
      size, [&](const auto& load, std::int64_t i) { return load(row.map + i) * load(gradient + i); });
  for (std::int64_t i = 0; i < size; ++i) gradient[i] = row.map[i] * (gradient[i] - sum);
  if (row.arriving_scores != nullptr) {
    for (std::int64_t i = 0; i < size; ++i) gradient[i] += row.arriving_scores[i];
  }
  for (std::int64_t i = 0; i < size; ++i) gradient[i] *= factor;
}

}  // namespace kdqat::kernels
