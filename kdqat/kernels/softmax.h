#pragma once

#include <cstdint>
#include <limits>

#include "kdqat/kernels/reduce.h"
#include "kdqat/kernels/vector_math.h"

namespace kdqat::kernels {

/// The numerators of softmax(factor * scores) of a row of whole vectors, of which `count` elements are real,
/// the largest of them exactly 1; returns one over their sum. scores are multiplied with the factor, what is
/// behind them becomes -infinity, in `out` 0. Inlined by force, so that it is compiled for the instruction
/// set of its caller.
__attribute__((always_inline)) inline float softmax_numerators(float* scores, std::int64_t count,
                                                               std::int64_t stride, float factor,
                                                               float* out) {
  for (std::int64_t i = 0; i < stride; ++i) scores[i] *= factor;
  for (std::int64_t i = count; i < stride; ++i) scores[i] = -std::numeric_limits<float>::infinity();
  FloatLanes maxima = load_lanes(scores);
  for (std::int64_t i = kLanes; i < stride; i += kLanes) {
    const FloatLanes others = load_lanes(scores + i);
    maxima = maxima > others ? maxima : others;
  }
  const float maximum = max_of_lanes(array_of<float>(maxima));
  for (std::int64_t i = 0; i < stride; ++i) out[i] = exp_nonpositive(scores[i] - maximum);
  return 1.0F / sum_of_vectors<float>(
                    stride, [&](const auto& load, std::int64_t i)
                                __attribute__((always_inline)) { return load(out + i); });
}

}  // namespace kdqat::kernels
