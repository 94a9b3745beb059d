#include "kdqat/kernels/attention.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/lanes.h"
#include "kdqat/kernels/multiversion.h"
#include "kdqat/kernels/prefetch.h"
#include "kdqat/kernels/quantize.h"
#include "kdqat/kernels/reduce.h"
#include "kdqat/kernels/tile.h"
#include "kdqat/kernels/vector_math.h"

namespace kdqat::kernels {
namespace {

/// scores *= factor and map = softmax(scores) of a row of whole vectors, of which `count` elements are real.
/// What is behind them in `scores` becomes -infinity, in `map` 0.
KDQAT_MULTIVERSION
void softmax_row(float* scores, std::int64_t count, std::int64_t stride, float factor, float* map) {
  for (std::int64_t i = 0; i < stride; ++i) scores[i] *= factor;
  for (std::int64_t i = count; i < stride; ++i) scores[i] = -std::numeric_limits<float>::infinity();
  FloatLanes maxima = load_lanes(scores);
  for (std::int64_t i = kLanes; i < stride; i += kLanes) {
    const FloatLanes others = load_lanes(scores + i);
    maxima = maxima > others ? maxima : others;
  }
  const float maximum = max_of_lanes(array_of<float>(maxima));
  for (std::int64_t i = 0; i < stride; ++i) map[i] = exp_nonpositive(scores[i] - maximum);
  const float inverse =
      1.0F / sum_of_vectors<float>(stride, [&](const auto& load, std::int64_t i) { return load(map + i); });
  for (std::int64_t i = 0; i < stride; ++i) map[i] *= inverse;
}

/// A row of whole vectors of gradients that meet at the map, zeros where there is none.
struct MapRow {
  const float* map;
  const std::uint8_t* keep;  ///< nullptr: no dropout
  float dropout_factor;
  const float* arriving_map;     ///< nullptr: none
  const float* arriving_scores;  ///< nullptr: none
};

/// gradient, of the map after dropout, becomes factor * gradient of the scores: p (g - sum p g) + arriving.
KDQAT_MULTIVERSION
void softmax_row_backward(const MapRow& row, std::int64_t stride, float factor, float* gradient) {
  if (row.keep != nullptr) {
    const std::uint8_t* keep = row.keep;
    const float dropout_factor = row.dropout_factor;
    for_lanes(
        stride, [&](const auto& lanes, std::int64_t i) __attribute__((always_inline)) {
          lanes.store(lanes.kept(keep + i, lanes.load(gradient + i) * dropout_factor), gradient + i);
        });
  }
  if (row.arriving_map != nullptr) {
    for (std::int64_t i = 0; i < stride; ++i) gradient[i] += row.arriving_map[i];
  }
  const float sum = sum_of_vectors<float>(
      stride, [&](const auto& load, std::int64_t i) { return load(row.map + i) * load(gradient + i); });
  for (std::int64_t i = 0; i < stride; ++i) gradient[i] = row.map[i] * (gradient[i] - sum);
  if (row.arriving_scores != nullptr) {
    for (std::int64_t i = 0; i < stride; ++i) gradient[i] += row.arriving_scores[i];
  }
  for (std::int64_t i = 0; i < stride; ++i) gradient[i] *= factor;
}

/// One sentence and head.
struct Head {
  std::int64_t length = 0;
  std::int64_t offset = 0;  ///< of its values in [T, D]
  std::int64_t ragged = 0;  ///< of its pairs in a ragged tensor
};

/// body(head, scratch) for every sentence and head, in parallel.
template <typename Body>
void for_heads(const AttentionShape& shape, const Body& body) {
  const std::vector<std::int64_t> starts = shape.ragged_starts();
  base::parallel_for(0, shape.sentences() * shape.heads, 4, [&](std::int64_t first, std::int64_t last) {
    thread_local Scratch scratch;
    for (std::int64_t index = first; index < last; ++index) {
      const std::int64_t sentence = index / shape.heads;
      const std::int64_t h = index % shape.heads;
      const std::int64_t length = shape.length(sentence);
      const std::int64_t token = shape.cu_seqlens[static_cast<std::size_t>(sentence)];
      body(Head{.length = length,
                .offset = token * shape.heads * shape.head_size + h * shape.head_size,
                .ragged = starts[static_cast<std::size_t>(sentence)] + h * length * length},
           scratch);
    }
  });
}

/// Its rows in a matrix [T, D].
TileView rows_of(const AttentionShape& shape, const Head& head, const float* matrix) {
  return {.data = matrix + head.offset,
          .rows = head.length,
          .cols = shape.head_size,
          .row_stride = shape.heads * shape.head_size};
}

Tile rows_of(const AttentionShape& shape, const Head& head, float* matrix) {
  return {.data = matrix + head.offset,
          .rows = head.length,
          .cols = shape.head_size,
          .stride = shape.heads * shape.head_size};
}

/// Its pairs in a ragged tensor.
TileView pairs_of(const Head& head, const float* ragged) {
  return {.data = ragged + head.ragged, .rows = head.length, .cols = head.length, .row_stride = head.length};
}

/// The view itself where its rows are whole vectors, else a padded copy.
TileView whole_vectors(const TileView& source, Scratch& scratch) {
  if (source.cols % kLanes == 0) return source;
  const Tile tile = scratch.tile(source.rows, source.cols);
  load(source, tile);
  return view(tile);
}

TileView transposed_copy(const TileView& source, Scratch& scratch) {
  const Tile tile = scratch.tile(source.cols, source.rows);
  load_transposed(source, tile);
  return view(tile);
}

/// Room for the tiles of a head: any number of copies of operands and of rows of pairs that the functions
/// below take.
std::int64_t scratch_size(const AttentionShape& shape, const Head& head) {
  const std::int64_t n = head.length;
  return 3 * n * padded(shape.head_size) + 2 * shape.head_size * padded(n) + (n + 4) * padded(n);
}

void map_of_head(const AttentionShape& shape, const AttentionOperands& operands,
                 const AttentionResult& result, const Head& head, Scratch& scratch) {
  const std::int64_t n = head.length;
  const TileView key = transposed_copy(rows_of(shape, head, operands.key), scratch);
  const float factor = 1.0F / std::sqrt(static_cast<float>(shape.head_size));
  float* scores_out = result.scores + head.ragged;
  float* map_out = result.map + head.ragged;
  if (n % kLanes == 0) {
    const Tile scores{.data = scores_out, .rows = n, .cols = n, .stride = n};
    multiply(rows_of(shape, head, operands.query), key, scores);
    for (std::int64_t row = 0; row < n; ++row) softmax_row(scores.row(row), n, n, factor, map_out + row * n);
    return;
  }
  const Tile scores = scratch.tile(n, n);
  const Tile map = scratch.tile(1, n);
  multiply(rows_of(shape, head, operands.query), key, scores);
  for (std::int64_t row = 0; row < n; ++row) {
    softmax_row(scores.row(row), n, scores.stride, factor, map.data);
    std::copy_n(scores.row(row), n, scores_out + row * n);
    std::copy_n(map.data, n, map_out + row * n);
  }
}

/// Dropout and, for one scale a head, quantization.
void quantize_map_of_head(const AttentionResult& result, const Dropout& dropout, AttentionScales scales,
                          const Head& head) {
  const std::int64_t pairs = head.length * head.length;
  const float* map = result.map + head.ragged;
  float* out = result.quantized_map + head.ragged;
  if (dropout.keep != nullptr) {
    apply_dropout(dropout, head.ragged, map, pairs, out);
    map = out;
  }
  if (scales == AttentionScales::kHead) {
    fake_quantize_symmetric(map, 1, pairs, pairs, out);
  } else if (map != out) {
    std::copy_n(map, pairs, out);
  }
}

void context_of_head(const AttentionShape& shape, const AttentionOperands& operands,
                     const AttentionResult& result, const Head& head, Scratch& scratch) {
  multiply(pairs_of(head, result.quantized_map), whole_vectors(rows_of(shape, head, operands.value), scratch),
           rows_of(shape, head, result.context));
}

bool fake_quantize_tensor(const float* values, std::int64_t count, float* out) {
  std::vector<std::int8_t> codes(static_cast<std::size_t>(count));
  float step = 0.0F;
  const bool clips = quantize_symmetric(values, {.count = 1, .size = count}, codes.data(), &step);
  dequantize(codes.data(), &step, {.count = 1, .size = count}, out);
  return clips;
}

/// `count` values from `values`, followed by zeros up to whole vectors: where they lie, or a copy in `row`.
template <typename Value>
const Value* whole_row(const Value* values, std::int64_t count, Value* row) {
  if (values == nullptr || count % kLanes == 0) return values;
  std::copy_n(values, count, row);
  std::fill(row + count, row + padded(count), Value{0});
  return row;
}

/// Gradient at the scores of one head, times `factor`, from what arrives at map and scores and, in
/// `gradient`, at the map after dropout.
void scores_gradient(const float* map, const Dropout& dropout, const AttentionGradients& arriving,
                     const Head& head, float factor, const Tile& gradient, Scratch& scratch) {
  constexpr std::int64_t kRowsAhead = 4;  // are asked for
  const std::int64_t n = head.length;
  const Tile rows = scratch.tile(3, n);
  thread_local std::vector<std::uint8_t> keep;
  keep.resize(static_cast<std::size_t>(gradient.stride));
  const auto at = [](auto* values, std::int64_t start) {
    return values == nullptr ? nullptr : values + start;
  };
  for (std::int64_t row = 0; row < n; ++row) {
    const std::int64_t start = head.ragged + row * n;
    if (row + kRowsAhead < n) {
      const std::int64_t later = start + kRowsAhead * n;
      prefetch(map + later, n);
      if (dropout.keep != nullptr) prefetch(dropout.keep + later, n);
      if (arriving.map != nullptr) prefetch(arriving.map + later, n);
      if (arriving.scores != nullptr) prefetch(arriving.scores + later, n);
    }
    const MapRow parts{.map = whole_row(map + start, n, rows.row(0)),
                       .keep = whole_row(at(dropout.keep, start), n, keep.data()),
                       .dropout_factor = dropout.factor,
                       .arriving_map = whole_row(at(arriving.map, start), n, rows.row(1)),
                       .arriving_scores = whole_row(at(arriving.scores, start), n, rows.row(2))};
    softmax_row_backward(parts, gradient.stride, factor, gradient.row(row));
  }
}

}  // namespace

std::vector<std::int64_t> AttentionShape::ragged_starts() const {
  std::vector<std::int64_t> starts = {0};
  for (std::int64_t b = 0; b < sentences(); ++b)
    starts.push_back(starts.back() + heads * length(b) * length(b));
  return starts;
}

bool fake_quantize_heads(const AttentionShape& shape, AttentionScales scales, const float* values,
                         float* out) {
  const std::int64_t stride = shape.heads * shape.head_size;
  const std::int64_t count = shape.tokens() * stride;
  if (scales == AttentionScales::kTensor) return fake_quantize_tensor(values, count, out);
  if (scales == AttentionScales::kNone) {
    std::copy(values, values + count, out);
    return false;
  }
  std::atomic<bool> clips = false;
  for_heads(shape, [&](const Head& head, Scratch&) {
    if (fake_quantize_symmetric(values + head.offset, head.length, shape.head_size, stride,
                                out + head.offset)) {
      clips = true;
    }
  });
  return clips;
}

void attention_forward(const AttentionShape& shape, const AttentionOperands& operands, const Dropout& dropout,
                       AttentionScales map_scales, const AttentionResult& result) {
  const bool map_as_it_is = result.quantized_map == result.map;
  for_heads(shape, [&](const Head& head, Scratch& scratch) {
    scratch.reset(scratch_size(shape, head));
    map_of_head(shape, operands, result, head, scratch);
    if (!map_as_it_is) quantize_map_of_head(result, dropout, map_scales, head);
    if (map_scales != AttentionScales::kTensor) context_of_head(shape, operands, result, head, scratch);
  });
  if (map_scales != AttentionScales::kTensor) return;
  fake_quantize_tensor(result.quantized_map, shape.ragged_size(), result.quantized_map);
  for_heads(shape, [&](const Head& head, Scratch& scratch) {
    scratch.reset(scratch_size(shape, head));
    context_of_head(shape, operands, result, head, scratch);
  });
}

void attention_backward(const AttentionShape& shape, const AttentionOperands& operands, const float* map,
                        const float* quantized_map, const Dropout& dropout,
                        const AttentionGradients& arriving, const AttentionOperandGradients& result) {
  const float factor = 1.0F / std::sqrt(static_cast<float>(shape.head_size));
  for_heads(shape, [&](const Head& head, Scratch& scratch) {
    const std::int64_t n = head.length;
    scratch.reset(scratch_size(shape, head));
    const Tile gradient = scratch.tile(n, n);
    std::fill_n(gradient.data, n * gradient.stride, 0.0F);
    const Tile value_gradient = rows_of(shape, head, result.value);
    if (arriving.context != nullptr) {
      const TileView context = rows_of(shape, head, arriving.context);
      multiply(pairs_of(head, quantized_map).transposed(), whole_vectors(context, scratch), value_gradient);
      multiply(context, transposed_copy(rows_of(shape, head, operands.value), scratch), gradient);
    } else {
      for (std::int64_t row = 0; row < n; ++row) std::fill_n(value_gradient.row(row), shape.head_size, 0.0F);
    }
    // The map's magnitude stays below 1 / (1 - dropout) < kClip, so its quantizer masks nothing.
    scores_gradient(map, dropout, arriving, head, factor, gradient, scratch);
    multiply(view(gradient), whole_vectors(rows_of(shape, head, operands.key), scratch),
             rows_of(shape, head, result.query));
    multiply(view(gradient).transposed(), whole_vectors(rows_of(shape, head, operands.query), scratch),
             rows_of(shape, head, result.key));
  });
}

}  // namespace kdqat::kernels
