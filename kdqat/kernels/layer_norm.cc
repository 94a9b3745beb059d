#include "kdqat/kernels/layer_norm.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/simd/lanes.h"
#include "kdqat/simd/multiversion.h"
#include "kdqat/simd/prefetch.h"
#include "kdqat/simd/reduce.h"

namespace kdqat::kernels {
namespace {

/// Rows that are worth a thread.
constexpr std::int64_t kRowGrain = 16;

/// One row of the input; keep may be nullptr, and so may residual.
struct InputRow {
  const float* x;
  const std::uint8_t* keep;
  float factor;
  const float* residual;
};

InputRow row_of(const LayerNormInput& input, std::int64_t row) {
  const std::int64_t start = row * input.cols;
  return {.x = input.x + start,
          .keep = input.dropout.keep == nullptr ? nullptr : input.dropout.keep + start,
          .factor = input.dropout.factor,
          .residual = input.residual == nullptr ? nullptr : input.residual + start};
}

/// Rows between the one that is computed and the one that is asked for.
constexpr std::int64_t kRowsAhead = 2;

/// Asks for the input kRowsAhead rows behind `row` and, unless nullptr, for the gradient that arrives there;
/// `arriving` is that of `row`.
void prefetch_behind(const LayerNormInput& input, std::int64_t row, const float* arriving) {
  if (row + kRowsAhead >= input.rows) return;
  const InputRow later = row_of(input, row + kRowsAhead);
  simd::prefetch(later.x, input.cols);
  if (later.residual != nullptr) simd::prefetch(later.residual, input.cols);
  if (later.keep != nullptr) simd::prefetch(later.keep, input.cols);
  if (arriving != nullptr) simd::prefetch(arriving + kRowsAhead * input.cols, input.cols);
}

__attribute__((always_inline)) inline void add_up(const InputRow& row, std::int64_t cols, float* sum) {
  const InputRow input = row;  // in registers
  if (input.residual == nullptr) {
    std::memcpy(sum, input.x, static_cast<std::size_t>(cols) * sizeof(float));
  } else if (input.keep == nullptr) {
    simd::for_lanes(
        cols, [&](const auto& lanes, std::int64_t i) __attribute__((always_inline)) {
          lanes.store(lanes.load(input.x + i) + lanes.load(input.residual + i), sum + i);
        });
  } else {
    simd::for_lanes(
        cols, [&](const auto& lanes, std::int64_t i) __attribute__((always_inline)) {
          lanes.store(lanes.kept(input.keep + i, lanes.load(input.x + i) * input.factor) +
                          lanes.load(input.residual + i),
                      sum + i);
        });
  }
}

KDQAT_MULTIVERSION
void normalize_row(const InputRow& row, std::int64_t cols, const LayerNormParameters& parameters,
                   float* mean_out, float* inverse_out, float* out) {
  add_up(row, cols, out);
  const auto count = static_cast<float>(cols);
  const float mean =
      simd::sum_of_vectors<float>(cols, [&](const auto& load, std::int64_t i) { return load(out + i); }) /
      count;
  const float variance = simd::sum_of_vectors<float>(cols,
                                                     [&](const auto& load, std::int64_t i) {
                                                       const auto centred = load(out + i) - mean;
                                                       return centred * centred;
                                                     }) /
                         count;
  const float inverse = 1.0F / std::sqrt(variance + parameters.epsilon);
  const float* weight = parameters.weight;
  const float* bias = parameters.bias;
  if (bias == nullptr) {
    simd::for_lanes(
        cols, [&](const auto& lanes, std::int64_t i) __attribute__((always_inline)) {
          lanes.store((lanes.load(out + i) - mean) * inverse * lanes.load(weight + i), out + i);
        });
  } else {
    simd::for_lanes(
        cols, [&](const auto& lanes, std::int64_t i) __attribute__((always_inline)) {
          lanes.store((lanes.load(out + i) - mean) * inverse * lanes.load(weight + i) + lanes.load(bias + i),
                      out + i);
        });
  }
  *mean_out = mean;
  *inverse_out = inverse;
}

/// What a row's backward reads and adds to besides its input.
struct BackwardRow {
  const float* weight;
  float mean;
  float inverse;
  const float* arriving;
  float* weight_gradient;
  float* bias_gradient;
};

/// Gradient of the sum s of a row, in `gradient`; `normalized` is scratch memory of a row.
KDQAT_MULTIVERSION
void row_backward(const InputRow& input, std::int64_t cols, const BackwardRow& row, float* normalized,
                  float* gradient) {
  add_up(input, cols, normalized);
  const BackwardRow to = row;  // in registers
  simd::for_lanes(
      cols, [&](const auto& lanes, std::int64_t i) __attribute__((always_inline)) {
        const auto arriving = lanes.load(to.arriving + i);
        const auto value = (lanes.load(normalized + i) - to.mean) * to.inverse;
        lanes.store(value, normalized + i);
        lanes.store(lanes.load(to.weight_gradient + i) + arriving * value, to.weight_gradient + i);
        lanes.store(lanes.load(to.bias_gradient + i) + arriving, to.bias_gradient + i);
        lanes.store(arriving * lanes.load(to.weight + i), gradient + i);
      });
  const auto count = static_cast<float>(cols);
  const float mean = simd::sum_of_vectors<float>(
                         cols, [&](const auto& load, std::int64_t i) { return load(gradient + i); }) /
                     count;
  const float slope =
      simd::sum_of_vectors<float>(
          cols, [&](const auto& load, std::int64_t i) { return load(gradient + i) * load(normalized + i); }) /
      count;
  simd::for_lanes(
      cols, [&](const auto& lanes, std::int64_t i) __attribute__((always_inline)) {
        lanes.store(to.inverse * (lanes.load(gradient + i) - mean - lanes.load(normalized + i) * slope),
                    gradient + i);
      });
}

}  // namespace

void layer_norm_forward(const LayerNormInput& input, const LayerNormParameters& parameters,
                        const LayerNormMoments& moments, float* out) {
  base::parallel_for(0, input.rows, kRowGrain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      prefetch_behind(input, row, nullptr);
      normalize_row(row_of(input, row), input.cols, parameters, moments.mean + row,
                    moments.inverse_deviation + row, out + row * input.cols);
    }
  });
}

LayerNormBackward::LayerNormBackward(const LayerNormInput& input, const LayerNormParameters& parameters,
                                     const LayerNormMoments& moments)
    : input_(input),
      parameters_(parameters),
      moments_(moments),
      of_weight_(input.rows, input.cols),
      of_bias_(input.rows, input.cols) {}

void LayerNormBackward::take(std::int64_t first, std::int64_t count, const float* arriving, float* x,
                             float* residual) {
  const std::int64_t cols = input_.cols;
  const std::int64_t blocks = (count + ColumnSums::kRows - 1) / ColumnSums::kRows;
  base::parallel_for(0, blocks, 1, [&](std::int64_t first_block, std::int64_t last_block) {
    std::vector<float> normalized(static_cast<std::size_t>(cols));
    const std::int64_t end = std::min(count, last_block * ColumnSums::kRows);
    for (std::int64_t i = first_block * ColumnSums::kRows; i < end; ++i) {
      const std::int64_t row = first + i;
      const float* arriving_row = arriving + i * cols;
      float* x_gradient = x + i * cols;
      float* sum_gradient = residual == nullptr ? x_gradient : residual + i * cols;
      prefetch_behind(input_, row, i + kRowsAhead < count ? arriving_row : nullptr);
      const InputRow input_row = row_of(input_, row);
      row_backward(input_row, cols,
                   {.weight = parameters_.weight,
                    .mean = moments_.mean[row],
                    .inverse = moments_.inverse_deviation[row],
                    .arriving = arriving_row,
                    .weight_gradient = of_weight_.term(row),
                    .bias_gradient = of_bias_.term(row)},
                   normalized.data(), sum_gradient);
      if (input_row.keep != nullptr) {
        apply_dropout(input_.dropout, row * cols, sum_gradient, cols, x_gradient);
      } else if (x_gradient != sum_gradient) {
        std::copy_n(sum_gradient, cols, x_gradient);
      }
    }
  });
}

void LayerNormBackward::finish(float* weight, float* bias) const {
  of_weight_.total(weight);
  if (bias != nullptr) of_bias_.total(bias);
}

void layer_norm_backward(const LayerNormInput& input, const LayerNormParameters& parameters,
                         const LayerNormMoments& moments, const float* arriving,
                         const LayerNormGradients& gradients) {
  LayerNormBackward backward(input, parameters, moments);
  backward.take(0, input.rows, arriving, gradients.x, gradients.residual);
  backward.finish(gradients.weight, gradients.bias);
}

}  // namespace kdqat::kernels
