#include "kdqat/simd/tile.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "kdqat/simd/multiversion.h"

namespace kdqat::simd {
namespace {

/// `kRows` rows of left x right in one vector of columns. Inlined by force, so that it is compiled for the
/// instruction set of its caller.
template <int kRows>
__attribute__((always_inline)) inline void multiply_block(const float* left, const TileView& strides,
                                                          const float* right, std::int64_t right_stride,
                                                          float (&sums)[kRows][kLanes]) {
  for (std::int64_t k = 0; k < strides.cols; ++k) {
    const float* line = right + k * right_stride;
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
      const float factor = left[row * strides.row_stride + k * strides.col_stride];
      for (std::int64_t lane = 0; lane < kLanes; ++lane) {
        sums[row][lane] = std::fma(factor, line[lane], sums[row][lane]);
      }
    }
  }
}

template <int kRows>
__attribute__((always_inline)) inline void multiply_rows(const TileView& left, const TileView& right,
                                                         const Tile& out, std::int64_t first_row) {
  const float* left_rows = left.data + first_row * left.row_stride;
  for (std::int64_t col = 0; col < right.cols; col += kLanes) {
    float sums[kRows][kLanes] = {};
    multiply_block<kRows>(left_rows, left, right.data + col, right.row_stride, sums);
    const std::int64_t width = std::min(kLanes, right.cols - col);
    for (int row = 0; row < kRows; ++row) {
      float* target = out.row(first_row + row) + col;
      if (width == kLanes) {
        std::memcpy(target, sums[row], sizeof(sums[row]));
      } else {
        std::copy_n(sums[row], width, target);
      }
    }
  }
}

KDQAT_MULTIVERSION
void multiply_all_rows(const TileView& left, const TileView& right, const Tile& out) {
  std::int64_t row = 0;
  for (; row + 8 <= left.rows; row += 8) multiply_rows<8>(left, right, out, row);
  if (row + 4 <= left.rows) {
    multiply_rows<4>(left, right, out, row);
    row += 4;
  }
  if (row + 2 <= left.rows) {
    multiply_rows<2>(left, right, out, row);
    row += 2;
  }
  if (row < left.rows) multiply_rows<1>(left, right, out, row);
}

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));

/// One step of a transpose: swaps the off-diagonal blocks of kSize x kSize within blocks of twice that size.
template <int kSize, int... kLane>
__attribute__((always_inline)) inline void swap_blocks(Vector (&rows)[kLanes],
                                                       std::integer_sequence<int, kLane...>) {
#pragma GCC unroll 16
  for (int row = 0; row < kLanes; ++row) {
    if ((row & kSize) != 0) continue;
    const Vector first = rows[row];
    const Vector second = rows[row + kSize];
    rows[row] =
        __builtin_shufflevector(first, second, ((kLane & kSize) == 0 ? kLane : 16 + kLane - kSize)...);
    rows[row + kSize] =
        __builtin_shufflevector(first, second, ((kLane & kSize) == 0 ? kLane + kSize : 16 + kLane)...);
  }
}

KDQAT_MULTIVERSION
void transpose_all(const TileView& source, const Tile& out) {
  constexpr std::make_integer_sequence<int, kLanes> kEachLane;
  const std::int64_t whole_rows = out.rows / kLanes * kLanes;
  const std::int64_t whole_cols = out.cols / kLanes * kLanes;
  for (std::int64_t row = 0; row < whole_rows; row += kLanes) {
    for (std::int64_t col = 0; col < whole_cols; col += kLanes) {
      Vector block[kLanes];
      for (std::int64_t i = 0; i < kLanes; ++i) {
        std::memcpy(&block[i], source.data + (col + i) * source.row_stride + row, sizeof(Vector));
      }
      swap_blocks<8>(block, kEachLane);
      swap_blocks<4>(block, kEachLane);
      swap_blocks<2>(block, kEachLane);
      swap_blocks<1>(block, kEachLane);
      for (std::int64_t i = 0; i < kLanes; ++i)
        std::memcpy(out.row(row + i) + col, &block[i], sizeof(Vector));
    }
  }
  for (std::int64_t col = 0; col < out.cols; ++col) {
    const float* line = source.data + col * source.row_stride;
    for (std::int64_t row = col < whole_cols ? whole_rows : 0; row < out.rows; ++row)
      out.row(row)[col] = line[row];
  }
}

}  // namespace

void load(const TileView& source, const Tile& tile) {
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    float* out = tile.row(row);
    std::memcpy(out, source.data + row * source.row_stride,
                static_cast<std::size_t>(tile.cols) * sizeof(float));
    std::fill(out + tile.cols, out + tile.stride, 0.0F);
  }
}

void load_transposed(const TileView& source, const Tile& tile) {
  transpose_all(source, tile);
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    std::fill(tile.row(row) + tile.cols, tile.row(row) + tile.stride, 0.0F);
  }
}

void multiply(const TileView& left, const TileView& right, const Tile& out) {
  multiply_all_rows(left, right, out);
}

}  // namespace kdqat::simd
