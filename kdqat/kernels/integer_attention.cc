#include "kdqat/kernels/integer_attention.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/multiversion.h"
#include "kdqat/kernels/panel_kernels.h"
#include "kdqat/kernels/quantize.h"
#include "kdqat/kernels/softmax.h"
#include "kdqat/kernels/symmetric_grid.h"
#include "kdqat/kernels/tile.h"

namespace kdqat::kernels {
namespace {

constexpr int kBits = 8;

/// Grows only, so that what is there is used again.
template <typename Value>
Value* reserve(std::vector<Value>& buffer, std::int64_t count) {
  if (std::cmp_less(buffer.size(), count)) buffer.resize(static_cast<std::size_t>(count));
  return buffer.data();
}

/// A thread's memory for one sentence and head.
struct HeadScratch {
  std::vector<std::int8_t> left, right;
  std::vector<std::uint8_t> panels;
  std::vector<std::int32_t> corrections;
  std::vector<float> row_scales, col_scales, zeros, scores, inverses;
};

/// What rows of codes are multiplied with: their sums take back the offset of the panels' fields.
KDQAT_MULTIVERSION
void correct_rows(const std::int8_t* codes, std::int64_t rows, std::int64_t stride,
                  std::int32_t* corrections) {
  for (std::int64_t row = 0; row < rows; ++row) {
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < stride; ++i) sum += codes[row * stride + i];
    corrections[row] = PanelShape{.bits = kBits}.offset() * sum;
  }
}

/// Numerators to rows [n, stride] of scores, in place; returns the largest element of the map.
KDQAT_MULTIVERSION
float make_numerators(float* scores, std::int64_t n, std::int64_t stride, float factor, float* inverses) {
  float largest = 0.0F;
  for (std::int64_t row = 0; row < n; ++row) {
    float* line = scores + row * stride;
    inverses[row] = softmax_numerators(line, n, stride, factor, line);
    // The largest numerator of a row is 1.
    largest = std::max(largest, inverses[row]);
  }
  return largest;
}

/// Codes of the map: rows [n, codes_stride], zeros behind n.
KDQAT_MULTIVERSION
void quantize_map(const float* numerators, const float* inverses, std::int64_t n, std::int64_t stride,
                  float multiplier, std::int8_t* codes, std::int64_t codes_stride) {
  for (std::int64_t row = 0; row < n; ++row) {
    const float* line = numerators + row * stride;
    const float inverse = inverses[row];
    std::int8_t* out = codes + row * codes_stride;
    for (std::int64_t i = 0; i < stride; ++i) {
      const float code = round_half_even(line[i] * inverse * multiplier);
      out[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(code));
    }
    for (std::int64_t i = stride; i < codes_stride; ++i) out[i] = 0;
  }
}

/// One layer's attention, a sentence and head at a time.
class Attention {
 public:
  Attention(const AttentionShape& shape, const AttentionOperands& operands, float* context,
            const PanelKernel& kernel)
      : shape_(shape),
        operands_(operands),
        context_(context),
        kernel_(kernel),
        width_(shape.heads * shape.head_size),
        factor_(1.0F / std::sqrt(static_cast<float>(shape.head_size))) {}

  void take(std::int64_t sentence, std::int64_t head, HeadScratch& scratch) const {
    const std::int64_t n = shape_.length(sentence);
    const std::int64_t offset =
        shape_.cu_seqlens[static_cast<std::size_t>(sentence)] * width_ + head * shape_.head_size;
    const std::int64_t stride = padded(n);
    float* scores = reserve(scratch.scores, n * stride);
    reserve(scratch.zeros, std::max(n, shape_.head_size));
    multiply_scores(n, offset, scratch, scores, stride);
    multiply_context(n, offset, scratch, scores, stride);
  }

 private:
  /// `size` values as whole steps of the kernel.
  std::int64_t codes_stride(std::int64_t size) const {
    return (size + kernel_.columns - 1) / kernel_.columns * kernel_.columns;
  }

  SpacedRows rows_of(const float* matrix, std::int64_t n, std::int64_t offset) const {
    return {.values = matrix + offset, .count = n, .size = shape_.head_size, .stride = width_};
  }

  void multiply_scores(std::int64_t n, std::int64_t offset, HeadScratch& scratch, float* scores,
                       std::int64_t stride) const {
    const std::int64_t columns = codes_stride(shape_.head_size);
    std::int8_t* query = reserve(scratch.left, n * columns);
    if (columns != shape_.head_size) std::fill_n(query, n * columns, std::int8_t{0});
    const float query_scale = quantize_symmetric_rows(rows_of(operands_.query, n, offset), query, columns);
    std::int8_t* key = reserve(scratch.right, n * shape_.head_size);
    const float key_scale = quantize_symmetric_rows(rows_of(operands_.key, n, offset), key, shape_.head_size);
    const PanelShape keys{.rows = n, .cols = shape_.head_size, .bits = kBits};
    pack_panels(key, keys, reserve(scratch.panels, keys.bytes()));
    multiply({.codes = query, .stride = columns, .rows = n, .out = scores, .out_stride = stride}, keys,
             query_scale, key_scale, scratch);
  }

  void multiply_context(std::int64_t n, std::int64_t offset, HeadScratch& scratch, float* scores,
                        std::int64_t stride) const {
    float* inverses = reserve(scratch.inverses, n);
    const SymmetricGrid grid = symmetric_grid(make_numerators(scores, n, stride, factor_, inverses));
    const std::int64_t columns = codes_stride(stride);
    std::int8_t* map = reserve(scratch.left, n * columns);
    quantize_map(scores, inverses, n, stride, grid.multiplier, map, columns);
    std::int8_t* value = reserve(scratch.right, n * shape_.head_size);
    const float value_scale =
        quantize_symmetric_rows(rows_of(operands_.value, n, offset), value, shape_.head_size);
    const PanelShape values{.rows = shape_.head_size, .cols = n, .bits = kBits};
    pack_transposed_panels(value, values, reserve(scratch.panels, values.bytes()));
    multiply({.codes = map, .stride = columns, .rows = n, .out = context_ + offset, .out_stride = width_},
             values, grid.scale, value_scale, scratch);
  }

  /// All rows of `product` with all of scratch.panels, which have the shape.
  void multiply(const PanelBlock& product, const PanelShape& shape, float row_scale, float col_scale,
                HeadScratch& scratch) const {
    std::int32_t* corrections = reserve(scratch.corrections, product.rows);
    correct_rows(product.codes, product.rows, product.stride, corrections);
    float* row_scales = reserve(scratch.row_scales, product.rows);
    std::fill_n(row_scales, product.rows, row_scale);
    float* col_scales = reserve(scratch.col_scales, shape.rows);
    std::fill_n(col_scales, shape.rows, col_scale);
    for (std::int64_t panel = 0; panel < shape.panels(); panel += kBlockPanels) {
      const std::int64_t col = panel * kPanelRows;
      for (std::int64_t row = 0; row < product.rows; row += kernel_.plan.block_rows) {
        PanelBlock block = product;
        block.codes += row * product.stride;
        block.rows = std::min(kernel_.plan.block_rows, product.rows - row);
        block.corrections = corrections + row;
        block.row_scales = row_scales + row;
        block.panels = scratch.panels.data() + panel * shape.panel_bytes();
        block.panel_bytes = shape.panel_bytes();
        block.lines = shape.lines();
        block.cols = std::min(kBlockPanels * kPanelRows, shape.rows - col);
        block.col_scales = col_scales + col;
        block.bias = scratch.zeros.data();
        block.out += row * product.out_stride + col;
        kernel_.multiply(block);
      }
    }
  }

  const AttentionShape& shape_;
  const AttentionOperands& operands_;
  float* context_;
  const PanelKernel& kernel_;
  std::int64_t width_;
  float factor_;
};

}  // namespace

void integer_attention(const AttentionShape& shape, const AttentionOperands& operands, float* context,
                       InstructionSet set) {
  const PanelKernel kernel = panel_kernel(set, kBits);
  const Attention attention(shape, operands, context, kernel);
  base::parallel_for(0, shape.sentences() * shape.heads, 4, [&](std::int64_t first, std::int64_t last) {
    const BlockSession session(kernel.plan);
    thread_local HeadScratch scratch;
    for (std::int64_t index = first; index < last; ++index)
      attention.take(index / shape.heads, index % shape.heads, scratch);
  });
}

}  // namespace kdqat::kernels
