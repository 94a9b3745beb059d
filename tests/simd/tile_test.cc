#include "kdqat/simd/tile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/simd/random_values.h"

namespace kdqat::simd {
namespace {

using ::testing::Each;

constexpr float kUnwritten = 99.0F;

/// A view of [rows, cols] random values whose rows lie `gap` elements apart from each other.
struct Source {
  Source(std::uint64_t seed, std::int64_t rows, std::int64_t cols, std::int64_t gap)
      : values(random_values(seed, rows * (cols + gap))),
        all{.data = values.data(), .rows = rows, .cols = cols, .row_stride = cols + gap} {}

  std::vector<float> values;
  TileView all;
};

float at(const TileView& view, std::int64_t row, std::int64_t col) {
  return view.data[row * view.row_stride + col * view.col_stride];
}

/// A tile of its own, every element of it marked as unwritten.
struct OwnTile {
  OwnTile(std::int64_t rows, std::int64_t cols, std::int64_t stride)
      : values(index(rows * stride), kUnwritten),
        tile{.data = values.data(), .rows = rows, .cols = cols, .stride = stride} {}

  std::vector<float> values;
  Tile tile;
};

template <typename Body>
void for_sizes(const Body& body) {
  for (const std::int64_t rows : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33}) {
    for (const std::int64_t cols : {1, 2, 15, 16, 17, 31, 32, 33, 67}) {
      SCOPED_TRACE(base::concat(rows, " x ", cols));
      body(rows, cols);
    }
  }
}

/// The tile holds what element(row, col) says, and zeros up to its stride.
template <typename Element>
void expect_padded(const Tile& tile, const Element& element) {
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    for (std::int64_t col = 0; col < tile.stride; ++col) {
      ASSERT_EQ(tile.row(row)[col], col < tile.cols ? element(row, col) : 0.0F) << row << ", " << col;
    }
  }
}

TEST(TileTest, LoadCopiesRowsAndFillsThemUpWithZeros) {
  for_sizes([](std::int64_t rows, std::int64_t cols) {
    for (const std::int64_t gap : {0, 5}) {
      const Source source(1, rows, cols, gap);
      const OwnTile own(rows, cols, padded(cols));
      load(source.all, own.tile);
      expect_padded(own.tile, [&](std::int64_t row, std::int64_t col) { return at(source.all, row, col); });
    }
  });
}

TEST(TileTest, LoadTransposedCopiesColumnsAndFillsThemUpWithZeros) {
  for_sizes([](std::int64_t rows, std::int64_t cols) {
    for (const std::int64_t gap : {0, 5}) {
      const Source source(1, cols, rows, gap);
      const OwnTile own(rows, cols, padded(cols));
      load_transposed(source.all, own.tile);
      expect_padded(own.tile, [&](std::int64_t row, std::int64_t col) { return at(source.all, col, row); });
    }
  });
}

TEST(TileTest, ScratchGivesTilesOfWholeVectorsThatDoNotOverlap) {
  Scratch scratch;
  for (int round = 0; round < 2; ++round) {
    scratch.reset(3 * padded(17) + 5 * padded(16));
    const Tile first = scratch.tile(3, 17);
    const Tile second = scratch.tile(5, 16);
    EXPECT_EQ(first.stride, 32);
    EXPECT_EQ(second.stride, 16);
    EXPECT_EQ(second.data, first.row(3));
  }
}

TEST(TileTest, ATransposedViewSwapsRowsAndColumns) {
  const Source source(1, 3, 5, 2);
  const TileView transposed = source.all.transposed();
  EXPECT_EQ(transposed.rows, 5);
  EXPECT_EQ(transposed.cols, 3);
  EXPECT_EQ(at(transposed, 4, 2), at(source.all, 2, 4));
  EXPECT_EQ(at(transposed.transposed(), 2, 4), at(source.all, 2, 4));
}

/// left x right, in rows `gap` elements longer than they need be. The right factor is loaded as `multiply`
/// asks for it.
struct Product {
  Product(const TileView& left, const TileView& right, std::int64_t gap)
      : loaded(right.rows, right.cols, padded(right.cols)), out(left.rows, right.cols, right.cols + gap) {
    load(right, loaded.tile);
    multiply(left, view(loaded.tile), out.tile);
  }

  OwnTile loaded;
  OwnTile out;
};

/// Elements against sums in double: each fused term rounds once. What lies beyond right.cols is unwritten.
void expect_product(const TileView& left, const TileView& right, const Tile& out) {
  for (std::int64_t row = 0; row < left.rows; ++row) {
    for (std::int64_t col = 0; col < right.cols; ++col) {
      double expected = 0.0;
      double magnitude = 0.0;
      for (std::int64_t k = 0; k < left.cols; ++k) {
        const double term = static_cast<double>(at(left, row, k)) * static_cast<double>(at(right, k, col));
        expected += term;
        magnitude += std::fabs(term);
      }
      const double tolerance = static_cast<double>(left.cols) * 1.001 * kRounding * magnitude;
      ASSERT_NEAR(static_cast<double>(out.row(row)[col]), expected, tolerance) << row << ", " << col;
    }
    EXPECT_THAT(std::vector<float>(out.row(row) + right.cols, out.row(row) + out.stride), Each(kUnwritten));
  }
}

TEST(TileTest, ProductsAreSumsOfProductsAndNothingBeyondTheirColumnsIsWritten) {
  for_sizes([](std::int64_t rows, std::int64_t cols) {
    for (const std::int64_t inner : {1, 2, 16, 33}) {
      for (const std::int64_t gap : {0, 1, 19}) {
        const Source left(1, rows, inner, gap);
        const Source left_transposed(2, inner, rows, gap);
        const Source right(3, inner, cols, gap);
        expect_product(left.all, right.all, Product(left.all, right.all, gap).out.tile);
        const TileView transposed = left_transposed.all.transposed();
        expect_product(transposed, right.all, Product(transposed, right.all, gap).out.tile);
      }
    }
  });
}

TEST(TileTest, TermsAreAddedInTheirOrderWithOneRoundingEach) {
  for_sizes([](std::int64_t rows, std::int64_t cols) {
    const Source left(1, rows, 37, 0);
    const Source right(2, 37, cols, 0);
    const Product product(left.all, right.all, 0);
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t col = 0; col < cols; ++col) {
        float expected = 0.0F;
        for (std::int64_t k = 0; k < 37; ++k)
          expected = std::fma(at(left.all, row, k), at(right.all, k, col), expected);
        ASSERT_EQ(product.out.tile.row(row)[col], expected) << row << ", " << col;
      }
    }
  });
}

TEST(TileTest, AnEmptyInnerSizeGivesZeros) {
  const Source left(1, 3, 0, 1);
  const Source right(2, 0, 17, 0);
  expect_product(left.all, right.all, Product(left.all, right.all, 2).out.tile);
}

}  // namespace
}  // namespace kdqat::simd
