#include "kdqat/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/multiversion.h"
#include "kdqat/kernels/quantize.h"
#include "kdqat/kernels/reduce.h"
#include "kdqat/kernels/vector_math.h"

namespace kdqat::kernels {
namespace {

typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(4)));

std::int64_t padded(std::int64_t size) { return (size + kLanes - 1) / kLanes * kLanes; }

/// A small row-major matrix in a thread's scratch memory; its rows are padded with zeros to whole vectors.
struct Tile {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;
};

/// Scratch memory of a thread for the tiles of one sentence and head at a time.
class Scratch {
 public:
  void reset(std::int64_t floats) {
    used_ = 0;
    if (memory_.size() < static_cast<std::size_t>(floats)) memory_.resize(static_cast<std::size_t>(floats));
  }

  Tile tile(std::int64_t rows, std::int64_t cols) {
    const Tile result{.data = memory_.data() + used_, .rows = rows, .cols = cols, .stride = padded(cols)};
    used_ += rows * result.stride;
    return result;
  }

 private:
  std::vector<float> memory_;
  std::int64_t used_ = 0;
};

void load(const float* source, std::int64_t source_stride, Tile tile) {
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    float* out = tile.data + row * tile.stride;
    std::memcpy(out, source + row * source_stride, static_cast<std::size_t>(tile.cols) * sizeof(float));
    std::fill(out + tile.cols, out + tile.stride, 0.0F);
  }
}

void store(Tile tile, float* out, std::int64_t out_stride) {
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    std::memcpy(out + row * out_stride, tile.data + row * tile.stride,
                static_cast<std::size_t>(tile.cols) * sizeof(float));
  }
}

void transpose(Tile source, Tile out) {
  for (std::int64_t row = 0; row < out.rows; ++row) {
    float* line = out.data + row * out.stride;
    for (std::int64_t col = 0; col < out.cols; ++col) line[col] = source.data[col * source.stride + row];
    std::fill(line + out.cols, line + out.stride, 0.0F);
  }
}

/// `kRows` rows of left x right, all columns; sums over the inner dimension run in order. Inlined by force,
/// so that it is compiled for the instruction set of its caller.
template <int kRows>
__attribute__((always_inline)) inline void multiply_rows(const float* left, std::int64_t left_stride,
                                                         Tile right, float* out, std::int64_t out_stride) {
  for (std::int64_t col = 0; col < right.stride; col += kLanes) {
    Lanes sums[kRows] = {};
    for (std::int64_t k = 0; k < right.rows; ++k) {
      const Lanes row = *reinterpret_cast<const Lanes*>(right.data + k * right.stride + col);
      for (int r = 0; r < kRows; ++r) sums[r] += left[r * left_stride + k] * row;
    }
    for (int r = 0; r < kRows; ++r) *reinterpret_cast<Lanes*>(out + r * out_stride + col) = sums[r];
  }
}

/// out = left x right, padding included.
KDQAT_MULTIVERSION
void multiply(Tile left, Tile right, Tile out) {
  std::int64_t row = 0;
  const auto multiply_next = [&]<int kRows>() __attribute__((always_inline)) {
    multiply_rows<kRows>(left.data + row * left.stride, left.stride, right, out.data + row * out.stride,
                         out.stride);
    row += kRows;
  };
  while (row + 8 <= left.rows) multiply_next.operator()<8>();
  if (row + 4 <= left.rows) multiply_next.operator()<4>();
  if (row + 2 <= left.rows) multiply_next.operator()<2>();
  if (row < left.rows) multiply_next.operator()<1>();
}

KDQAT_MULTIVERSION
void scale(float* values, std::int64_t count, float factor) {
  for (std::int64_t i = 0; i < count; ++i) values[i] *= factor;
}

KDQAT_MULTIVERSION
void softmax_row(const float* scores, std::int64_t count, float* map) {
  float maximum = -std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < count; ++i) maximum = maximum > scores[i] ? maximum : scores[i];
  for (std::int64_t i = 0; i < count; ++i) map[i] = exp_nonpositive(scores[i] - maximum);
  float sum = 0.0F;
  for (std::int64_t i = 0; i < count; ++i) sum += map[i];
  const float inverse = 1.0F / sum;
  for (std::int64_t i = 0; i < count; ++i) map[i] *= inverse;
}

/// gradient of the scores from that of the map, in place: p (g - sum p g).
KDQAT_MULTIVERSION
void softmax_row_backward(const float* map, std::int64_t count, float* gradient) {
  float sum = 0.0F;
  for (std::int64_t i = 0; i < count; ++i) sum += map[i] * gradient[i];
  for (std::int64_t i = 0; i < count; ++i) gradient[i] = map[i] * (gradient[i] - sum);
}

KDQAT_MULTIVERSION
void multiply_into(const float* left, const float* right, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = left[i] * right[i];
}

KDQAT_MULTIVERSION
void add_into(const float* values, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] += values[i];
}

/// One sentence and head.
struct Head {
  std::int64_t length = 0;
  std::int64_t offset = 0;  ///< of its values in [T, D]
  std::int64_t ragged = 0;  ///< of its pairs in a ragged tensor
};

/// Start of each sentence's pairs in a ragged tensor, [B+1].
std::vector<std::int64_t> ragged_starts(const AttentionShape& shape) {
  std::vector<std::int64_t> starts(shape.cu_seqlens.size(), 0);
  for (std::int64_t b = 0; b < shape.sentences(); ++b) {
    starts[static_cast<std::size_t>(b) + 1] =
        starts[static_cast<std::size_t>(b)] + shape.heads * shape.length(b) * shape.length(b);
  }
  return starts;
}

/// body(head, scratch) for every sentence and head, in parallel.
template <typename Body>
void for_heads(const AttentionShape& shape, const Body& body) {
  const std::vector<std::int64_t> starts = ragged_starts(shape);
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

void map_of_head(const AttentionShape& shape, const AttentionOperands& operands,
                 const AttentionResult& result, const Head& head, Scratch& scratch) {
  const std::int64_t stride = shape.heads * shape.head_size;
  const std::int64_t n = head.length;
  scratch.reset(2 * n * padded(shape.head_size) + (shape.head_size + n) * padded(n));
  const Tile query = scratch.tile(n, shape.head_size);
  const Tile key = scratch.tile(n, shape.head_size);
  const Tile key_transposed = scratch.tile(shape.head_size, n);
  const Tile scores = scratch.tile(n, n);
  load(operands.query + head.offset, stride, query);
  load(operands.key + head.offset, stride, key);
  transpose(key, key_transposed);
  multiply(query, key_transposed, scores);
  float* scores_out = result.scores + head.ragged;
  store(scores, scores_out, n);
  scale(scores_out, n * n, 1.0F / std::sqrt(static_cast<float>(shape.head_size)));
  for (std::int64_t row = 0; row < n; ++row) {
    softmax_row(scores_out + row * n, n, result.map + head.ragged + row * n);
  }
}

/// Dropout and, for one scale a head, quantization.
void quantize_map_of_head(const AttentionResult& result, const float* dropout_mask, AttentionScales scales,
                          const Head& head) {
  const std::int64_t pairs = head.length * head.length;
  const float* map = result.map + head.ragged;
  float* out = result.quantized_map + head.ragged;
  if (dropout_mask == nullptr) {
    std::copy(map, map + pairs, out);
  } else {
    multiply_into(map, dropout_mask + head.ragged, pairs, out);
  }
  if (scales != AttentionScales::kHead) return;
  thread_local std::vector<std::int8_t> codes;
  codes.resize(static_cast<std::size_t>(pairs));
  const float step = quantize_symmetric_block(out, 1, pairs, pairs, codes.data());
  dequantize(codes.data(), &step, {.count = 1, .size = pairs}, out);
}

void context_of_head(const AttentionShape& shape, const AttentionOperands& operands,
                     const AttentionResult& result, const Head& head, Scratch& scratch) {
  const std::int64_t stride = shape.heads * shape.head_size;
  const std::int64_t n = head.length;
  scratch.reset(n * padded(n) + 2 * n * padded(shape.head_size));
  const Tile map = scratch.tile(n, n);
  const Tile value = scratch.tile(n, shape.head_size);
  const Tile context = scratch.tile(n, shape.head_size);
  load(result.quantized_map + head.ragged, n, map);
  load(operands.value + head.offset, stride, value);
  multiply(map, value, context);
  store(context, result.context + head.offset, stride);
}

void fake_quantize_tensor(const float* values, std::int64_t count, float* out) {
  std::vector<std::int8_t> codes(static_cast<std::size_t>(count));
  float step = 0.0F;
  quantize_symmetric(values, {.count = 1, .size = count}, codes.data(), &step);
  dequantize(codes.data(), &step, {.count = 1, .size = count}, out);
}

void fake_quantize_head(const AttentionShape& shape, const float* values, const Head& head, float* out) {
  const std::int64_t stride = shape.heads * shape.head_size;
  thread_local std::vector<std::int8_t> codes;
  codes.resize(static_cast<std::size_t>(head.length * shape.head_size));
  const float step =
      quantize_symmetric_block(values + head.offset, head.length, shape.head_size, stride, codes.data());
  for (std::int64_t row = 0; row < head.length; ++row) {
    dequantize(codes.data() + row * shape.head_size, &step, {.count = 1, .size = shape.head_size},
               out + head.offset + row * stride);
  }
}

/// Gradient at the scores of one head, in `gradient` [n, n], from those that arrive at map, context and
/// scores.
void scores_gradient(const float* map, const float* dropout_mask, const AttentionGradients& arriving,
                     const Head& head, bool from_context, Tile gradient) {
  const std::int64_t n = head.length;
  for (std::int64_t row = 0; row < n; ++row) {
    float* line = gradient.data + row * gradient.stride;
    const std::int64_t start = head.ragged + row * n;
    if (!from_context) std::fill(line, line + gradient.stride, 0.0F);
    if (from_context && dropout_mask != nullptr) multiply_into(line, dropout_mask + start, n, line);
    if (arriving.map != nullptr) add_into(arriving.map + start, n, line);
    softmax_row_backward(map + start, n, line);
    if (arriving.scores != nullptr) add_into(arriving.scores + start, n, line);
  }
}

}  // namespace

std::int64_t AttentionShape::ragged_size() const {
  std::int64_t size = 0;
  for (std::int64_t b = 0; b < sentences(); ++b) size += heads * length(b) * length(b);
  return size;
}

void fake_quantize_heads(const AttentionShape& shape, AttentionScales scales, const float* values,
                         float* out) {
  const std::int64_t count = shape.tokens() * shape.heads * shape.head_size;
  switch (scales) {
    case AttentionScales::kNone:
      std::copy(values, values + count, out);
      return;
    case AttentionScales::kTensor:
      fake_quantize_tensor(values, count, out);
      return;
    case AttentionScales::kHead:
      for_heads(shape, [&](const Head& head, Scratch&) { fake_quantize_head(shape, values, head, out); });
      return;
  }
}

void attention_forward(const AttentionShape& shape, const AttentionOperands& operands,
                       const float* dropout_mask, AttentionScales map_scales, const AttentionResult& result) {
  for_heads(shape, [&](const Head& head, Scratch& scratch) {
    map_of_head(shape, operands, result, head, scratch);
    quantize_map_of_head(result, dropout_mask, map_scales, head);
  });
  if (map_scales == AttentionScales::kTensor) {
    fake_quantize_tensor(result.quantized_map, shape.ragged_size(), result.quantized_map);
  }
  for_heads(shape, [&](const Head& head, Scratch& scratch) {
    context_of_head(shape, operands, result, head, scratch);
  });
}

void attention_backward(const AttentionShape& shape, const AttentionOperands& operands, const float* map,
                        const float* quantized_map, const float* dropout_mask,
                        const AttentionGradients& arriving, const AttentionOperandGradients& result) {
  const std::int64_t stride = shape.heads * shape.head_size;
  const float factor = 1.0F / std::sqrt(static_cast<float>(shape.head_size));
  for_heads(shape, [&](const Head& head, Scratch& scratch) {
    const std::int64_t n = head.length;
    const std::int64_t d = shape.head_size;
    scratch.reset(6 * n * padded(d) + d * padded(n) + 3 * n * padded(n));
    const Tile operand = scratch.tile(n, d);
    const Tile gradient = scratch.tile(n, n);
    const Tile transposed = scratch.tile(n, n);
    const Tile out = scratch.tile(n, d);
    if (arriving.context != nullptr) {
      const Tile context = scratch.tile(n, d);
      const Tile value_transposed = scratch.tile(d, n);
      const Tile probabilities = scratch.tile(n, n);
      load(arriving.context + head.offset, stride, context);
      load(quantized_map + head.ragged, n, probabilities);
      transpose(probabilities, transposed);
      multiply(transposed, context, out);
      store(out, result.value + head.offset, stride);
      load(operands.value + head.offset, stride, operand);
      transpose(operand, value_transposed);
      multiply(context, value_transposed, gradient);
    } else {
      for (std::int64_t row = 0; row < n; ++row) {
        std::fill_n(result.value + head.offset + row * stride, d, 0.0F);
      }
    }
    // The map's magnitude stays below 1 / (1 - dropout) < kClip, so its quantizer masks nothing.
    scores_gradient(map, dropout_mask, arriving, head, arriving.context != nullptr, gradient);
    scale(gradient.data, n * gradient.stride, factor);
    load(operands.key + head.offset, stride, operand);
    multiply(gradient, operand, out);
    store(out, result.query + head.offset, stride);
    transpose(gradient, transposed);
    load(operands.query + head.offset, stride, operand);
    multiply(transposed, operand, out);
    store(out, result.key + head.offset, stride);
  });
}

}  // namespace kdqat::kernels
