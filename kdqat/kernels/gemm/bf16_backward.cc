#include "kdqat/kernels/gemm/bf16_backward.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/column_sums.h"
#include "kdqat/kernels/gemm/bf16_gemm.h"
#include "kdqat/kernels/gemm/gemm.h"
#include "kdqat/simd/bf16.h"
#include "kdqat/simd/multiversion.h"
#include "kdqat/simd/prefetch.h"
#include "kdqat/simd/reduce.h"
#include "kdqat/simd/tile.h"

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
        outputs_(outputs),
        width_(in_tiles ? kTileRows : kBlockRows),
        blocks_((outputs + width_ - 1) / width_),
        tiles_((tokens + 2 * kTilePairs - 1) / (2 * kTilePairs)),
        // Two pairs more, so that blocks do not begin at the same place of a cache's sets.
        stride_((tiles_ * kTilePairs + 2) * 2 * width_),
        words_(take_spare(static_cast<std::size_t>(blocks_ * stride_))) {}
  ~TransposedGradient() { spares().push_back(std::move(words_)); }
  TransposedGradient(const TransposedGradient&) = delete;
  TransposedGradient& operator=(const TransposedGradient&) = delete;

  /// Of `output`, a multiple of kBlockRows, and tokens 2 pair, 2 pair + 1.
  std::uint16_t* at(std::int64_t output, std::int64_t pair) {
    return words_.data() + output / width_ * stride_ + pair * pair_stride() + output % width_ * 2;
  }

  /// From one pair to the next.
  std::int64_t pair_stride() const { return 2 * width_; }

  /// After make_tiles.
  LeftOperand as_left_operand() {
    const std::int64_t pair_bytes = kSliceBytes * width_;
    return {.data = reinterpret_cast<const std::byte*>(words_.data()),
            .rows = outputs_,
            .row_stride = in_tiles_ ? kLineBytes : kSliceBytes,
            .slice_stride = pair_bytes,
            .tile_stride = kTilePairs * pair_bytes,
            .unit_rows = width_,
            .unit_stride = stride_ * static_cast<std::int64_t>(sizeof(std::uint16_t))};
  }

  /// Fills up the tokens and makes tiles of the pairs: rows of outputs with the tokens side by side.
  void make_tiles(std::int64_t tokens) {
    if (!in_tiles_) return;
    const std::int64_t present = (tokens + kTogether - 1) / kTogether * (kTogether / 2);
    base::parallel_for(0, blocks_, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t block = first; block < last; ++block) {
        std::uint16_t* words = at(block * width_, 0);
        std::fill(words + present * pair_stride(), words + tiles_ * kTilePairs * pair_stride(),
                  std::uint16_t{0});
        for (std::int64_t tile = 0; tile < tiles_; ++tile) {
          auto* square = reinterpret_cast<float*>(words + tile * kTilePairs * pair_stride());
          simd::load_transposed(
              {.data = square, .rows = kTilePairs, .cols = kTileRows, .row_stride = kTileRows},
              {.data = square, .rows = kTileRows, .cols = kTilePairs, .stride = kTilePairs});
        }
      }
    });
  }

 private:
  /// Memory of earlier gradients of this thread: new memory would have to be cleared first.
  static std::vector<std::vector<std::uint16_t>>& spares() {
    thread_local std::vector<std::vector<std::uint16_t>> memory;
    return memory;
  }

  static std::vector<std::uint16_t> take_spare(std::size_t size) {
    std::vector<std::uint16_t> result;
    if (!spares().empty()) {
      result = std::move(spares().back());
      spares().pop_back();
    }
    if (result.size() < size) result.resize(size);
    return result;
  }

  bool in_tiles_;
  std::int64_t outputs_;
  std::int64_t width_;
  std::int64_t blocks_;
  std::int64_t tiles_;
  std::int64_t stride_;
  std::vector<std::uint16_t> words_;
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
  TransposedGradient& gradient;
  std::int64_t pair;  ///< of the first two rows

  std::uint16_t* at(std::int64_t output) const { return gradient.at(output, pair); }
};

typedef std::uint32_t WordLanes __attribute__((vector_size(simd::kLanes * sizeof(std::uint32_t))));
typedef std::uint16_t HalfLanes __attribute__((vector_size(simd::kLanes * sizeof(std::uint16_t))));
static_assert(kColumns == simd::kLanes);

/// bf16_bits of each lane in its upper half.
__attribute__((always_inline)) inline WordLanes bf16_words(const simd::FloatLanes& values) {
  return simd::rounded_upper_half(reinterpret_cast<WordLanes>(values));
}

/// kColumns outputs of four rows from `col` on; lines: of the transpose, each of half of them.
__attribute__((always_inline)) inline void convert_columns(const FourRows& rows, std::int64_t col,
                                                           const float* col_scales,
                                                           const std::array<std::uint16_t*, 2>& lines,
                                                           std::int64_t pair_stride) {
  const simd::FloatLanes scales = simd::load_lanes(col_scales + col);
  simd::FloatLanes sums = simd::load_lanes(rows.sums + col);
  WordLanes words[kTogether];
#pragma GCC unroll 4
  for (std::size_t r = 0; r < kTogether; ++r) {
    const simd::FloatLanes values = simd::load_lanes(rows.values[r] + col);
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
      rows.for_input[r][col] = simd::bf16_bits(value * col_scales[col]);
      line[static_cast<std::int64_t>(r / 2) * lines.gradient.pair_stride() +
           static_cast<std::int64_t>(r % 2)] = simd::bf16_bits(value * rows.scales[r]);
      rows.sums[col] += value;
    }
  }
}

}  // namespace

class Bf16Backward::Products {
 public:
  Products(const Bf16BackwardFactors& factors, simd::InstructionSet set)
      : factors_(factors),
        set_(set),
        kernel_(bf16_kernel(set)),
        col_scales_(factors.arriving.column_scales()),
        zeros_(static_cast<std::size_t>(factors.arriving.cols), 0.0F),
        transposed_(factors.arriving.cols, factors.arriving.rows, kernel_.in_tiles()),
        sums_(factors.arriving.rows, factors.arriving.cols) {}

  void take(std::int64_t first, std::int64_t count, const float* arriving, float* x, bool accumulate) {
    const std::int64_t stride = factors_.arriving.cols;
    thread_local std::vector<std::uint16_t> for_input;
    for_input.resize(static_cast<std::size_t>((count + kTogether) * stride));
    for (std::int64_t row = 0; row < count; row += kTogether)
      convert(first + row, arriving + row * stride, count - row, for_input.data() + row * stride);
    multiply_bf16_panels({.x = for_input.data(),
                          .rows = count,
                          .cols = stride,
                          .panels = factors_.weight_panels,
                          .outputs = factors_.inputs,
                          .accumulate = accumulate},
                         x, set_);
  }

  void finish(float* weight, float* bias) {
    sums_.total(bias);
    multiply_weight(weight);
  }

 private:
  /// Rows from `first` on: kTogether, or `left` where that is less.
  void convert(std::int64_t first, const float* arriving, std::int64_t left, std::uint16_t* for_input) {
    const std::int64_t cols = factors_.arriving.cols;
    FourRows rows{};
    for (std::int64_t r = 0; r < kTogether; ++r) {
      const auto i = static_cast<std::size_t>(r);
      const bool present = r < left;
      rows.values[i] = present ? arriving + r * cols : zeros_.data();
      rows.scales[i] = present ? factors_.arriving.row_scale(first + r) : 0.0F;
      rows.for_input[i] = for_input + r * cols;
    }
    rows.sums = sums_.term(first);
    if (2 * kTogether <= left) simd::prefetch(arriving + kTogether * cols, kTogether * cols);
    const TransposedLines lines{.gradient = transposed_, .pair = first / 2};
    const std::int64_t whole = cols / kColumns * kColumns;
    convert_rows(rows, whole, col_scales_.data(), lines);
    convert_rest(rows, whole, cols, col_scales_.data(), lines);
  }

  void multiply_weight(float* out) {
    const std::int64_t tokens = factors_.arriving.rows;
    transposed_.make_tiles(tokens);
    run_gemm(kernel_, {.left = transposed_.as_left_operand(),
                       .panels = factors_.input_panels,
                       .panel_stride = bf16_panel_lines(tokens) * kLineBytes,
                       .lines = (tokens + 1) / 2,
                       .inner = tokens,
                       .cols = factors_.inputs,
                       .out = out,
                       .prefetch_out = true});
  }

  Bf16BackwardFactors factors_;
  simd::InstructionSet set_;
  GemmKernel kernel_;
  std::vector<float> col_scales_;
  std::vector<float> zeros_;
  TransposedGradient transposed_;
  ColumnSums sums_;
};

Bf16Backward::Bf16Backward(const Bf16BackwardFactors& factors, simd::InstructionSet set)
    : products_(std::make_unique<Products>(factors, set)) {}

Bf16Backward::~Bf16Backward() = default;

void Bf16Backward::take(std::int64_t first, std::int64_t count, const float* arriving, float* x,
                        bool accumulate) {
  products_->take(first, count, arriving, x, accumulate);
}

void Bf16Backward::finish(float* weight, float* bias) { products_->finish(weight, bias); }

}  // namespace kdqat::kernels
