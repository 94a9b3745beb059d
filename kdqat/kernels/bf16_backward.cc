#include "kdqat/kernels/bf16_backward.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"
#include "kdqat/kernels/bf16.h"
#include "kdqat/kernels/bf16_kernels.h"
#include "kdqat/kernels/bf16_product.h"
#include "kdqat/kernels/column_sums.h"
#include "kdqat/kernels/matmul.h"
#include "kdqat/kernels/multiversion.h"
#include "kdqat/kernels/panel_blocks.h"

namespace kdqat::kernels {
namespace {

/// Rows of the gradient that are converted together: they fill whole cache lines of its transpose.
constexpr std::int64_t kTogether = 4;

/// The transpose [N, T] of the scaled gradient as the left factor of the weight's product: blocks of
/// kBlockRows outputs; in each, for every two tokens, two elements an output.
class TransposedGradient {
 public:
  TransposedGradient(std::int64_t outputs, std::int64_t tokens)
      : pairs_((tokens + kTogether - 1) / kTogether * 2),
        // Two pairs more, so that blocks do not begin at the same place of a cache's sets.
        stride_((pairs_ + 2) * 2 * kBlockRows),
        words_(buffer()) {
    const std::int64_t size = (outputs + kBlockRows - 1) / kBlockRows * stride_;
    if (std::cmp_less(words_.size(), size)) words_.resize(static_cast<std::size_t>(size));
  }

  /// Of output 8 block and tokens 2 pair, 2 pair + 1.
  std::uint16_t* at(std::int64_t block, std::int64_t pair) const {
    return words_.data() + block * stride_ + pair * 2 * kBlockRows;
  }

 private:
  static std::vector<std::uint16_t>& buffer() {
    thread_local std::vector<std::uint16_t> memory;
    return memory;
  }

  std::int64_t pairs_;
  std::int64_t stride_;
  std::vector<std::uint16_t>& words_;
};

/// Four rows of the gradient, of which those behind the last are zeros.
struct FourRows {
  std::array<const float*, kTogether> values;
  std::array<float, kTogether> scales;  ///< for the weight's product
  std::array<std::uint16_t*, kTogether> for_input;
  float* sums;
};

/// Outputs that are converted together, two blocks of the transpose.
constexpr std::int64_t kColumns = 2 * kBlockRows;

/// kColumns outputs of four rows from `col` on; transposed: their lines of the two blocks.
__attribute__((always_inline)) inline void convert_columns(const FourRows& rows, std::int64_t col,
                                                           const float* col_scales, std::uint16_t* first_line,
                                                           std::uint16_t* second_line) {
  std::uint32_t words[kTogether][kColumns];
  float sums[kColumns];
  std::memcpy(sums, rows.sums + col, sizeof(sums));
#pragma GCC unroll 4
  for (std::size_t r = 0; r < kTogether; ++r) {
    const float* values = rows.values[r] + col;
    std::uint16_t* for_input = rows.for_input[r] + col;
    for (std::int64_t i = 0; i < kColumns; ++i) {
      for_input[i] = bf16_bits(values[i] * col_scales[col + i]);
      words[r][i] = bf16_bits(values[i] * rows.scales[r]);
      sums[i] += values[i];
    }
  }
  std::memcpy(rows.sums + col, sums, sizeof(sums));
  std::uint32_t pairs[2][kColumns];
  for (std::int64_t i = 0; i < kColumns; ++i) {
    pairs[0][i] = words[0][i] | words[1][i] << 16;
    pairs[1][i] = words[2][i] | words[3][i] << 16;
  }
  constexpr std::size_t kHalf = sizeof(pairs[0]) / 2;
  std::memcpy(first_line, pairs[0], kHalf);
  std::memcpy(first_line + 2 * kBlockRows, pairs[1], kHalf);
  std::memcpy(second_line, pairs[0] + kBlockRows, kHalf);
  std::memcpy(second_line + 2 * kBlockRows, pairs[1] + kBlockRows, kHalf);
}

/// Whole kColumns of four rows.
KDQAT_MULTIVERSION
void convert_rows(const FourRows& rows, std::int64_t cols, const float* col_scales, std::uint16_t* transposed,
                  std::int64_t block_stride) {
  for (std::int64_t col = 0; col + kColumns <= cols; col += kColumns, transposed += 2 * block_stride) {
    convert_columns(rows, col, col_scales, transposed, transposed + block_stride);
  }
}

/// The columns from `first` on, fewer than kColumns.
void convert_rest(const FourRows& rows, std::int64_t first, std::int64_t cols, const float* col_scales,
                  std::uint16_t* transposed, std::int64_t block_stride) {
  for (std::int64_t col = first; col < cols; ++col) {
    const std::int64_t i = col - first;
    std::uint16_t* line = transposed + i / kBlockRows * block_stride + i % kBlockRows * 2;
    for (std::size_t r = 0; r < kTogether; ++r) {
      const float value = rows.values[r][col];
      rows.for_input[r][col] = bf16_bits(value * col_scales[col]);
      line[r / 2 * (2 * kBlockRows) + r % 2] = bf16_bits(value * rows.scales[r]);
      rows.sums[col] += value;
    }
  }
}

/// The products of one backward.
class Products {
 public:
  Products(const Bf16Backward& backward, const Bf16Gradients& gradients)
      : backward_(backward),
        arriving_(backward.arriving),
        gradients_(gradients),
        col_scales_(backward.arriving.column_scales()),
        zeros_(static_cast<std::size_t>(backward.arriving.cols), 0.0F),
        transposed_(backward.arriving.cols, backward.arriving.rows),
        sums_(backward.arriving.rows, backward.arriving.cols) {}

  void run() {
    base::parallel_for(0, sums_.blocks(), 1, [&](std::int64_t first, std::int64_t last) {
      // Two blocks at a time: the weight's panels pass through the cache once for both.
      for (std::int64_t block = first; block < last; block += 2) {
        const std::int64_t row = block * ColumnSums::kRows;
        take_rows(row, std::min(arriving_.rows, std::min(block + 2, last) * ColumnSums::kRows) - row);
      }
    });
    sums_.total(gradients_.bias);
    multiply_weight();
  }

 private:
  void take_rows(std::int64_t first, std::int64_t count) {
    const std::int64_t stride = arriving_.cols;
    thread_local std::vector<std::uint16_t> for_input;
    for_input.resize(static_cast<std::size_t>((count + kTogether) * stride));
    for (std::int64_t row = 0; row < count; row += kTogether)
      convert(first + row, for_input.data() + row * stride);
    multiply_bf16_panels({.x = for_input.data(),
                          .rows = count,
                          .cols = arriving_.cols,
                          .panels = backward_.weight_panels,
                          .outputs = backward_.inputs,
                          .accumulate = backward_.accumulate},
                         gradients_.x + first * backward_.inputs);
    if (backward_.finish_rows) backward_.finish_rows(first, count);
  }

  void convert(std::int64_t first, std::uint16_t* for_input) {
    FourRows rows{};
    for (std::int64_t r = 0; r < kTogether; ++r) {
      const auto i = static_cast<std::size_t>(r);
      const bool present = first + r < arriving_.rows;
      rows.values[i] = present ? arriving_.values + (first + r) * arriving_.cols : zeros_.data();
      rows.scales[i] = present ? arriving_.row_scale(first + r) : 0.0F;
      rows.for_input[i] = for_input + r * arriving_.cols;
    }
    rows.sums = sums_.term(first);
    std::uint16_t* line = transposed_.at(0, first / 2);
    const std::int64_t block_stride = transposed_.at(1, first / 2) - line;
    const std::int64_t whole = arriving_.cols / kColumns * kColumns;
    convert_rows(rows, whole, col_scales_.data(), line, block_stride);
    convert_rest(rows, whole, arriving_.cols, col_scales_.data(), line + whole / kBlockRows * block_stride,
                 block_stride);
  }

  void multiply_weight() const {
    const std::int64_t outputs = arriving_.cols;
    const std::int64_t pairs = (arriving_.rows + 1) / 2;
    const std::int64_t row_blocks = (outputs + kBlockRows - 1) / kBlockRows;
    const std::int64_t panels = (backward_.inputs + kPanelRows - 1) / kPanelRows;
    const std::int64_t panel_pairs = (panels + kBlockPanels - 1) / kBlockPanels;
    base::parallel_for(0, panel_pairs, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t panel = first * kBlockPanels; panel < last * kBlockPanels; panel += kBlockPanels) {
        const std::int64_t col = panel * kPanelRows;
        for (std::int64_t block = 0; block < row_blocks; ++block) {
          multiply_bf16_block({.x = transposed_.at(block, 0),
                               .row_stride = 2,
                               .pair_stride = 2 * kBlockRows,
                               .rows = std::min(kBlockRows, outputs - block * kBlockRows),
                               .pairs = pairs,
                               .panel_stride = pairs * 2 * kPanelRows,
                               .panels = backward_.input_panels + panel * pairs * 2 * kPanelRows,
                               .cols = std::min(kBlockPanels * kPanelRows, backward_.inputs - col),
                               .out = gradients_.weight + block * kBlockRows * backward_.inputs + col,
                               .out_stride = backward_.inputs});
        }
      }
    });
  }

  const Bf16Backward& backward_;
  const ArrivingGradient& arriving_;
  const Bf16Gradients& gradients_;
  std::vector<float> col_scales_;
  std::vector<float> zeros_;
  TransposedGradient transposed_;
  ColumnSums sums_;
};

}  // namespace

void multiply_bf16_backward(const Bf16Backward& backward, const Bf16Gradients& gradients) {
  if (!has_bf16_products())
    throw base::InvalidArgument("multiply_bf16_backward: this processor has no bf16 products");
  Products(backward, gradients).run();
}

}  // namespace kdqat::kernels
