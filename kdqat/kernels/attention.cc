#include "kdqat/kernels/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "kdqat/kernels/add.h"
#include "kdqat/kernels/attention_head.h"
#include "kdqat/kernels/attention_terms.h"
#include "kdqat/kernels/quantize.h"
#include "kdqat/kernels/softmax.h"
#include "kdqat/simd/prefetch.h"

namespace kdqat::kernels {
namespace {

/// Room for the tiles of a head: any number of copies of operands and of rows of pairs that the functions
/// below take.
std::int64_t scratch_size(const AttentionInput& input, const AttentionHead& head) {
  const std::int64_t n = head.length;
  const std::int64_t head_size = input.shape.head_size;
  return 3 * n * simd::padded(head_size) + 2 * head_size * simd::padded(n) + (n + 7) * simd::padded(n) +
         term_scratch_size(input, head);
}

float factor_of(const AttentionInput& input) {
  if (input.terms.factor != 0.0F) return input.terms.factor;
  return 1.0F / std::sqrt(static_cast<float>(input.shape.head_size));
}

/// Zeros beside the keys of a row.
void clear_beside(const TokenRange& keys, std::int64_t length, float* row) {
  std::fill(row, row + keys.first, 0.0F);
  std::fill(row + keys.last, row + length, 0.0F);
}

/// The head's row of the bias, from key 0 on as `query` sees it; nullptr where there is none.
const float* bias_of(const AttentionTerms& terms, const AttentionHead& head, std::int64_t query) {
  if (terms.bias == nullptr) return nullptr;
  return terms.bias + head.index * (2 * terms.reach + 1) + terms.reach - query;
}

void map_of_head(const AttentionInput& input, const AttentionResult& result, const AttentionHead& head,
                 simd::Scratch& scratch) {
  const std::int64_t n = head.length;
  const Band band(n, input.terms.window);
  const simd::TileView query = rows_of(input.shape, head, input.operands.query);
  const simd::TileView key = transposed_copy(rows_of(input.shape, head, input.operands.key), scratch);
  PositionTerm of_query(input, head, PositionTerm::Of::kQuery);
  PositionTerm of_key(input, head, PositionTerm::Of::kKey);
  if (of_query.exists()) of_query.multiply_forward(scratch);
  if (of_key.exists()) of_key.multiply_forward(scratch);
  const float factor = factor_of(input);
  const bool in_place = n % simd::kLanes == 0 && band.is_whole();
  const simd::Tile scores =
      in_place ? simd::Tile{.data = result.scores + head.ragged, .rows = n, .cols = n, .stride = n}
               : scratch.tile(n, n);
  const simd::Tile spare = scratch.tile(1, n);
  const bool plain = band.is_whole() && !of_query.exists() && !of_key.exists() && input.terms.bias == nullptr;
  band.for_blocks([&](const TokenRange& queries, const TokenRange& keys) {
    multiply(rows_in(query, queries), cols_in(key, keys), cols_in(rows_in(scores, queries), keys));
    const std::int64_t step = plain ? queries.count() : 1;
    for (std::int64_t row = queries.first; row < queries.last; row += step) {
      const TokenRange existing = plain ? keys : band.around(row);
      if (of_query.exists()) of_query.add_to(row, existing, scores.row(row));
      if (of_key.exists()) of_key.add_to(row, existing, scores.row(row));
      const float* bias = bias_of(input.terms, head, row);
      const std::int64_t start = head.ragged + row * n;
      softmax_rows({.scores = scores.row(row) + keys.first,
                    .rows = step,
                    .stride = scores.stride,
                    .size = simd::padded(keys.count()),
                    .first = existing.first - keys.first,
                    .last = existing.last - keys.first,
                    .factor = factor,
                    .bias = bias == nullptr ? nullptr : bias + keys.first},
                   {.scores = result.scores + start + keys.first,
                    .map = result.map + start + keys.first,
                    .stride = n,
                    .spare = spare.data});
      if (band.is_whole()) continue;
      clear_beside(existing, n, result.scores + start);
      clear_beside(existing, n, result.map + start);
    }
  });
}

/// Dropout and, for one scale a head, quantization.
void quantize_map_of_head(const AttentionInput& input, const AttentionResult& result,
                          const AttentionHead& head) {
  const std::int64_t pairs = head.length * head.length;
  const float* map = result.map + head.ragged;
  float* out = result.quantized_map + head.ragged;
  if (input.dropout.keep != nullptr) {
    apply_dropout(input.dropout, head.ragged, map, pairs, out);
    map = out;
  }
  if (input.map_scales == AttentionScales::kHead) {
    fake_quantize_symmetric(map, 1, pairs, pairs, out);
  } else if (map != out) {
    std::copy_n(map, pairs, out);
  }
}

void context_of_head(const AttentionInput& input, const AttentionResult& result, const AttentionHead& head,
                     simd::Scratch& scratch) {
  const simd::TileView map = pairs_of(head, result.quantized_map);
  const simd::TileView value = whole_vectors(rows_of(input.shape, head, input.operands.value), scratch);
  const simd::Tile context = rows_of(input.shape, head, result.context);
  Band(head.length, input.terms.window).for_blocks([&](const TokenRange& queries, const TokenRange& keys) {
    multiply(cols_in(rows_in(map, queries), keys), rows_in(value, keys), rows_in(context, queries));
  });
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
  if (values == nullptr || count % simd::kLanes == 0) return values;
  std::copy_n(values, count, row);
  std::fill(row + count, row + simd::padded(count), Value{0});
  return row;
}

/// Where the bias's gradient of one sentence and head is summed, by j - i + n - 1; nullptr: not wanted.
struct BiasSums {
  float* values = nullptr;
};

/// Gradient at the scores of one head, times the factor, from what arrives at map and scores and, in
/// `gradient`, at the map after dropout. Zeros where a pair does not exist.
void scores_gradient(const AttentionInput& input, const float* map, const AttentionGradients& arriving,
                     const AttentionHead& head, const simd::Tile& gradient, BiasSums bias,
                     simd::Scratch& scratch) {
  constexpr std::int64_t kRowsAhead = 4;  // are prefetched
  const std::int64_t n = head.length;
  const Band band(n, input.terms.window);
  const bool whole = band.is_whole();
  const float factor = factor_of(input);
  const float softmax_factor = bias.values == nullptr ? factor : 1.0F;
  const simd::Tile rows = scratch.tile(4, n);
  thread_local std::vector<std::uint8_t> keep;
  keep.resize(static_cast<std::size_t>(gradient.stride));
  const auto at = [](auto* values, std::int64_t start) {
    return values == nullptr ? nullptr : values + start;
  };
  for (std::int64_t row = 0; row < n; ++row) {
    const TokenRange keys = whole ? TokenRange{0, n} : band.around(row);
    const std::int64_t count = keys.count();
    const std::int64_t start = head.ragged + row * n + keys.first;
    if (row + kRowsAhead < n) {
      const std::int64_t later = start + kRowsAhead * n;
      simd::prefetch(map + later, count);
      if (input.dropout.keep != nullptr) simd::prefetch(input.dropout.keep + later, count);
      if (arriving.map != nullptr) simd::prefetch(arriving.map + later, count);
      if (arriving.scores != nullptr) simd::prefetch(arriving.scores + later, count);
    }
    const MapRow parts{.map = whole_row(map + start, count, rows.row(0)),
                       .keep = whole_row(at(input.dropout.keep, start), count, keep.data()),
                       .dropout_factor = input.dropout.factor,
                       .arriving_map = whole_row(at(arriving.map, start), count, rows.row(1)),
                       .arriving_scores = whole_row(at(arriving.scores, start), count, rows.row(2))};
    if (whole) {
      softmax_row_backward(parts, gradient.stride, softmax_factor, gradient.row(row));
    } else {
      float* of_scores = rows.row(3);
      std::copy_n(gradient.row(row) + keys.first, count, of_scores);
      std::fill(of_scores + count, of_scores + simd::padded(count), 0.0F);
      softmax_row_backward(parts, simd::padded(count), softmax_factor, of_scores);
      std::copy_n(of_scores, count, gradient.row(row) + keys.first);
      clear_beside(keys, n, gradient.row(row));
    }
    if (bias.values != nullptr) {
      float* of_scores = gradient.row(row) + keys.first;
      add(of_scores, count, bias.values + keys.first - row + n - 1);
      for (std::int64_t i = 0; i < count; ++i) of_scores[i] *= factor;
    }
  }
}

/// One head of attention_backward.
class HeadBackward {
 public:
  HeadBackward(const AttentionInput& input, const AttentionSaved& saved,
               const AttentionGradients& grad_output, const AttentionOperandGradients& result)
      : input_(input), saved_(saved), grad_output_(grad_output), result_(result), tables_(input, result) {}

  std::int64_t groups() const { return tables_.groups(); }

  void run(const AttentionHead& head, std::int64_t group, simd::Scratch& scratch) {
    const std::int64_t n = head.length;
    const Band band(n, input_.terms.window);
    scratch.reset(scratch_size(input_, head));
    const simd::Tile gradient = scratch.tile(n, n);
    std::fill_n(gradient.data, n * gradient.stride, 0.0F);
    of_value_and_map(head, band, gradient, scratch);
    // The map's magnitude stays below 1 / (1 - dropout) < kClip, so its quantizer masks nothing.
    float* bias = tables_.bias(group, head.index);
    const BiasSums bias_sums{bias == nullptr ? nullptr : scratch.tile(1, 2 * n - 1).data};
    if (bias != nullptr) std::fill_n(bias_sums.values, 2 * n - 1, 0.0F);
    scores_gradient(input_, saved_.map, grad_output_, head, gradient, bias_sums, scratch);
    if (bias != nullptr) add(bias_sums.values, 2 * n - 1, bias + input_.terms.reach - (n - 1));
    of_query_and_key(head, band, gradient, scratch);
    const PositionTerm of_query(input_, head, PositionTerm::Of::kQuery);
    const PositionTerm of_key(input_, head, PositionTerm::Of::kKey);
    if (of_query.exists()) {
      of_query.backward(gradient, band, rows_of(input_.shape, head, result_.query),
                        tables_.position_key(group), scratch);
    }
    if (of_key.exists()) {
      of_key.backward(gradient, band, rows_of(input_.shape, head, result_.key), tables_.position_query(group),
                      scratch);
    }
  }

  void finalize() const { tables_.finalize(); }

 private:
  /// The gradient of value, and in `gradient` that of the map after dropout.
  void of_value_and_map(const AttentionHead& head, const Band& band, const simd::Tile& gradient,
                        simd::Scratch& scratch) {
    const simd::Tile of_value = rows_of(input_.shape, head, result_.value);
    if (grad_output_.context == nullptr) {
      for (std::int64_t row = 0; row < head.length; ++row) {
        std::fill_n(of_value.row(row), input_.shape.head_size, 0.0F);
      }
      return;
    }
    const simd::TileView map = pairs_of(head, saved_.quantized_map);
    const simd::TileView context = rows_of(input_.shape, head, grad_output_.context);
    const simd::TileView whole_context = whole_vectors(context, scratch);
    const simd::TileView value = transposed_copy(rows_of(input_.shape, head, input_.operands.value), scratch);
    band.for_blocks([&](const TokenRange& tokens, const TokenRange& others) {
      multiply(cols_in(rows_in(map, others), tokens).transposed(), rows_in(whole_context, others),
               rows_in(of_value, tokens));
      multiply(rows_in(context, tokens), cols_in(value, others), cols_in(rows_in(gradient, tokens), others));
    });
  }

  /// The products of query and key alone.
  void of_query_and_key(const AttentionHead& head, const Band& band, const simd::Tile& gradient,
                        simd::Scratch& scratch) {
    const simd::TileView query = whole_vectors(rows_of(input_.shape, head, input_.operands.query), scratch);
    const simd::TileView key = whole_vectors(rows_of(input_.shape, head, input_.operands.key), scratch);
    const simd::Tile of_query = rows_of(input_.shape, head, result_.query);
    const simd::Tile of_key = rows_of(input_.shape, head, result_.key);
    const simd::TileView pairs = view(gradient);
    band.for_blocks([&](const TokenRange& tokens, const TokenRange& others) {
      multiply(cols_in(rows_in(pairs, tokens), others), rows_in(key, others), rows_in(of_query, tokens));
      multiply(cols_in(rows_in(pairs, others), tokens).transposed(), rows_in(query, others),
               rows_in(of_key, tokens));
    });
  }

  const AttentionInput& input_;
  const AttentionSaved& saved_;
  const AttentionGradients& grad_output_;
  const AttentionOperandGradients& result_;
  TableGradients tables_;
};

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
  for_heads(shape, [&](const AttentionHead& head, simd::Scratch&) {
    if (fake_quantize_symmetric(values + head.offset, head.length, shape.head_size, stride,
                                out + head.offset)) {
      clips = true;
    }
  });
  return clips;
}

void attention_forward(const AttentionInput& input, const AttentionResult& result) {
  const bool map_is_final = result.quantized_map == result.map;
  const bool one_scale = input.map_scales == AttentionScales::kTensor;
  for_heads(input.shape, [&](const AttentionHead& head, simd::Scratch& scratch) {
    scratch.reset(scratch_size(input, head));
    map_of_head(input, result, head, scratch);
    if (!map_is_final) quantize_map_of_head(input, result, head);
    if (!one_scale) context_of_head(input, result, head, scratch);
  });
  if (!one_scale) return;
  fake_quantize_tensor(result.quantized_map, input.shape.ragged_size(), result.quantized_map);
  for_heads(input.shape, [&](const AttentionHead& head, simd::Scratch& scratch) {
    scratch.reset(scratch_size(input, head));
    context_of_head(input, result, head, scratch);
  });
}

void attention_backward(const AttentionInput& input, const AttentionSaved& saved,
                        const AttentionGradients& grad_output, const AttentionOperandGradients& result) {
  HeadBackward backward(input, saved, grad_output, result);
  for_heads(input.shape, backward.groups(),
            [&](const AttentionHead& head, std::int64_t group, simd::Scratch& scratch) {
              backward.run(head, group, scratch);
            });
  backward.finalize();
}

}  // namespace kdqat::kernels
