#include "kdqat/kernels/bf16_backward.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/bf16.h"
#include "kdqat/kernels/bf16_kernels.h"
#include "kdqat/kernels/bf16_product.h"
#include "kdqat/kernels/column_sums.h"
#include "kdqat/kernels/multiversion.h"
#include "kdqat/kernels/panel_blocks.h"
#include "kdqat/kernels/prefetch.h"
#include "kdqat/kernels/reduce.h"
#include "kdqat/kernels/tile.h"

namespace kdqat::kernels {
namespace {

/// Rows of the gradient that are converted together: they fill whole cache lines of its transpose.
constexpr std::int64_t kTogether = 4;

/// The transpose [N, T] of the scaled gradient as the left factor of the weight's product: blocks of outputs;
/// in each, for every two tokens, two elements an output. A block has kBlockRows outputs, or for tiles
/// kTileRows, and zeros fill up the tokens.
class TransposedGradient {
 public:
  TransposedGradient(std::int64_t outputs, std::int64_t tokens, bool in_tiles)
      : in_tiles_(in_tiles),
        width_(in_tiles ? kTileRows : kBlockRows),
        blocks_((outputs + width_ - 1) / width_),
        tiles_((tokens + 2 * kTilePairs - 1) / (2 * kTilePairs)),
        // Two pairs more, so that blocks do not begin at the same place of a cache's sets.
        stride_((tiles_ * kTilePairs + 2) * 2 * width_),
        words_(buffer()) {
    const std::int64_t size = blocks_ * stride_;
    if (std::cmp_less(words_.size(), size)) words_.resize(static_cast<std::size_t>(size));
  }

  /// Of `output`, a multiple of kBlockRows, and tokens 2 pair, 2 pair + 1.
  std::uint16_t* at(std::int64_t output, std::int64_t pair) const {
    return words_.data() + output / width_ * stride_ + pair * pair_stride() + output % width_ * 2;
  }

  /// From one pair to the next.
  std::int64_t pair_stride() const { return 2 * width_; }
  std::int64_t block_stride() const { return stride_; }

  /// Fills up the tokens and makes tiles of the pairs: rows of outputs with the tokens side by side.
  void make_tiles(std::int64_t tokens) const {
    if (!in_tiles_) return;
    const std::int64_t present = (tokens + kTogether - 1) / kTogether * (kTogether / 2);
    base::parallel_for(0, blocks_, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t block = first; block < last; ++block) {
        std::uint16_t* words = at(block * width_, 0);
        std::fill(words + present * pair_stride(), words + tiles_ * kTilePairs * pair_stride(),
                  std::uint16_t{0});
        for (std::int64_t tile = 0; tile < tiles_; ++tile) {
          auto* square = reinterpret_cast<float*>(words + tile * kTilePairs * pair_stride());
          load_transposed({.data = square, .rows = kTilePairs, .cols = kTileRows, .row_stride = kTileRows},
                          {.data = square, .rows = kTileRows, .cols = kTilePairs, .stride = kTilePairs});
        }
      }
    });
  }

 private:
  static std::vector<std::uint16_t>& buffer() {
    thread_local std::vector<std::uint16_t> memory;
    return memory;
  }

  bool in_tiles_;
  std::int64_t width_;
  std::int64_t blocks_;
  std::int64_t tiles_;
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

/// Where the transpose of four rows goes.
struct TransposedLines {
  const TransposedGradient& gradient;
  std::int64_t pair;  ///< of the first two rows

  std::uint16_t* at(std::int64_t output) const { return gradient.at(output, pair); }
};

typedef std::uint32_t WordLanes __attribute__((vector_size(kLanes * sizeof(std::uint32_t))));
typedef std::uint16_t HalfLanes __attribute__((vector_size(kLanes * sizeof(std::uint16_t))));
static_assert(kColumns == kLanes);

/// bf16_bits of each lane in its upper half.
__attribute__((always_inline)) inline WordLanes bf16_words(const FloatLanes& values) {
  return rounded_upper_half(reinterpret_cast<WordLanes>(values));
}

/// kColumns outputs of four rows from `col` on; lines: of the transpose, each of half of them.
__attribute__((always_inline)) inline void convert_columns(const FourRows& rows, std::int64_t col,
                                                           const float* col_scales,
                                                           const std::array<std::uint16_t*, 2>& lines,
                                                           std::int64_t pair_stride) {
  const FloatLanes scales = load_lanes(col_scales + col);
  FloatLanes sums = load_lanes(rows.sums + col);
  WordLanes words[kTogether];
#pragma GCC unroll 4
  for (std::size_t r = 0; r < kTogether; ++r) {
    const FloatLanes values = load_lanes(rows.values[r] + col);
    const HalfLanes for_input = __builtin_convertvector(bf16_words(values * scales) >> 16, HalfLanes);
    std::memcpy(rows.for_input[r] + col, &for_input, sizeof(for_input));
    words[r] = bf16_words(values * rows.scales[r]);
    sums += values;
  }
  std::memcpy(rows.sums + col, &sums, sizeof(sums));
  const WordLanes pairs[2] = {words[0] >> 16 | (words[1] & 0xFFFF0000U),
                              words[2] >> 16 | (words[3] & 0xFFFF0000U)};
  constexpr std::size_t kHalf = sizeof(pairs[0]) / 2;
  for (std::int64_t p = 0; p < 2; ++p) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&pairs[p]);
    std::memcpy(lines[0] + p * pair_stride, bytes, kHalf);
    std::memcpy(lines[1] + p * pair_stride, bytes + kHalf, kHalf);
  }
}

/// Whole kColumns of four rows.
KDQAT_MULTIVERSION
void convert_rows(const FourRows& rows, std::int64_t cols, const float* col_scales,
                  const TransposedLines& lines) {
  for (std::int64_t col = 0; col + kColumns <= cols; col += kColumns) {
    convert_columns(rows, col, col_scales, {lines.at(col), lines.at(col + kBlockRows)},
                    lines.gradient.pair_stride());
  }
}

/// The columns from `first` on, fewer than kColumns.
void convert_rest(const FourRows& rows, std::int64_t first, std::int64_t cols, const float* col_scales,
                  const TransposedLines& lines) {
  for (std::int64_t col = first; col < cols; ++col) {
    std::uint16_t* line = lines.at(col / kBlockRows * kBlockRows) + col % kBlockRows * 2;
    for (std::size_t r = 0; r < kTogether; ++r) {
      const float value = rows.values[r][col];
      rows.for_input[r][col] = bf16_bits(value * col_scales[col]);
      line[static_cast<std::int64_t>(r / 2) * lines.gradient.pair_stride() +
           static_cast<std::int64_t>(r % 2)] = bf16_bits(value * rows.scales[r]);
      rows.sums[col] += value;
    }
  }
}

/// The products of one backward.
class Products {
 public:
  Products(const Bf16Backward& backward, const Bf16Gradients& gradients, InstructionSet set)
      : backward_(backward),
        set_(set),
        kernel_(bf16_kernel(set)),
        arriving_(backward.arriving),
        gradients_(gradients),
        col_scales_(backward.arriving.column_scales()),
        zeros_(static_cast<std::size_t>(backward.arriving.cols), 0.0F),
        transposed_(backward.arriving.cols, backward.arriving.rows, kernel_.in_tiles()),
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
                         gradients_.x + first * backward_.inputs, set_);
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
    if (first + 2 * kTogether <= arriving_.rows) {
      prefetch(arriving_.values + (first + kTogether) * arriving_.cols, kTogether * arriving_.cols);
    }
    const TransposedLines lines{.gradient = transposed_, .pair = first / 2};
    const std::int64_t whole = arriving_.cols / kColumns * kColumns;
    convert_rows(rows, whole, col_scales_.data(), lines);
    convert_rest(rows, whole, arriving_.cols, col_scales_.data(), lines);
  }

  void multiply_weight() const {
    transposed_.make_tiles(arriving_.rows);
    const bool in_tiles = kernel_.in_tiles();
    const std::int64_t outputs = arriving_.cols;
    const std::int64_t panel_pairs = bf16_panel_lines(arriving_.rows);
    const PanelGrid grid{
        .rows = outputs, .panels = (backward_.inputs + kPanelRows - 1) / kPanelRows, .cols = arriving_.rows};
    for_panel_blocks(grid, kernel_.plan, [&](std::int64_t row, std::int64_t count, std::int64_t panel) {
      const std::int64_t col = panel * kPanelRows;
      kernel_.multiply({.x = transposed_.at(row, 0),
                        .row_stride = in_tiles ? 2 * kTilePairs : 2,
                        .pair_stride = transposed_.pair_stride(),
                        .tile_stride = kTilePairs * transposed_.pair_stride(),
                        .next_rows = transposed_.block_stride(),
                        .rows = count,
                        .pairs = (arriving_.rows + 1) / 2,
                        .panel_stride = panel_pairs * 2 * kPanelRows,
                        .panels = backward_.input_panels + panel * panel_pairs * 2 * kPanelRows,
                        .cols = std::min(kBlockPanels * kPanelRows, backward_.inputs - col),
                        .out = gradients_.weight + row * backward_.inputs + col,
                        .out_stride = backward_.inputs});
    });
  }

  const Bf16Backward& backward_;
  InstructionSet set_;
  Bf16Kernel kernel_;
  const ArrivingGradient& arriving_;
  const Bf16Gradients& gradients_;
  std::vector<float> col_scales_;
  std::vector<float> zeros_;
  TransposedGradient transposed_;
  ColumnSums sums_;
};

}  // namespace

void multiply_bf16_backward(const Bf16Backward& backward, const Bf16Gradients& gradients,
                            InstructionSet set) {
  Products(backward, gradients, set).run();
}

}  // namespace kdqat::kernels
