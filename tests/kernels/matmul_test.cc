#include "kdqat/kernels/matmul.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/simd/instruction_set.h"
#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

using ::testing::Each;
using ::testing::ThrowsMessage;

struct Sizes {
  std::int64_t m;
  std::int64_t k;
  std::int64_t n;
};

constexpr std::array kSizes = {Sizes{1, 1, 1},   Sizes{1, 7, 3},    Sizes{3, 2, 1},    Sizes{5, 3, 17},
                               Sizes{33, 65, 7}, Sizes{16, 64, 32}, Sizes{67, 31, 129}};

template <typename Element>
std::vector<Element> transposed(const std::vector<Element>& values, std::int64_t rows, std::int64_t cols) {
  std::vector<Element> out(values.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t col = 0; col < cols; ++col)
      out[index(col * rows + row)] = values[index(row * cols + col)];
  }
  return out;
}

/// left [m, k] x right [k, n], given row-major, with the product's factors laid out as asked for; `out` is
/// what is there before, if that matters.
template <typename Out, typename Element>
std::vector<Out> product(ElementType type, const Sizes& sizes, const std::vector<Element>& left,
                         const std::vector<Element>& right, bool left_transposed, bool right_transposed,
                         const MatmulOptions& options = {}, std::vector<Out> out = {}) {
  const std::vector<Element> a = left_transposed ? transposed(left, sizes.m, sizes.k) : left;
  const std::vector<Element> b = right_transposed ? transposed(right, sizes.k, sizes.n) : right;
  out.resize(index(sizes.m * sizes.n), Out{99});
  matmul({.data = a.data(), .type = type, .rows = sizes.m, .cols = sizes.k, .transposed = left_transposed},
         {.data = b.data(), .type = type, .rows = sizes.k, .cols = sizes.n, .transposed = right_transposed},
         out.data(), options);
  return out;
}

template <typename Body>
void for_layouts(const Body& body) {
  for (const Sizes& sizes : kSizes) {
    for (const bool left_transposed : {false, true}) {
      for (const bool right_transposed : {false, true}) {
        SCOPED_TRACE(base::concat(sizes.m, " x ", sizes.k, " x ", sizes.n,
                                  left_transposed ? ", left transposed" : "",
                                  right_transposed ? ", right transposed" : ""));
        body(sizes, left_transposed, right_transposed);
      }
    }
  }
}

/// What else a product of floats holds: a bias a column, and what was there before.
struct Addends {
  std::vector<float> bias;
  std::vector<float> before;
};

/// A product of floats against a sum in double; sums in float32 round once a term, those of `addends` too,
/// whatever their order.
void expect_float_product(const Sizes& sizes, const std::vector<float>& left, const std::vector<float>& right,
                          const std::vector<float>& actual, const Addends& addends = {}) {
  for (std::int64_t row = 0; row < sizes.m; ++row) {
    for (std::int64_t col = 0; col < sizes.n; ++col) {
      double expected = 0.0;
      double magnitude = 0.0;
      for (std::int64_t k = 0; k < sizes.k; ++k) {
        const double term = static_cast<double>(left[index(row * sizes.k + k)]) *
                            static_cast<double>(right[index(k * sizes.n + col)]);
        expected += term;
        magnitude += std::fabs(term);
      }
      const auto add = [&](float addend) {
        expected += static_cast<double>(addend);
        magnitude += std::fabs(static_cast<double>(addend));
      };
      if (!addends.bias.empty()) add(addends.bias[index(col)]);
      if (!addends.before.empty()) add(addends.before[index(row * sizes.n + col)]);
      const double tolerance = static_cast<double>(sizes.k + 3) * kRounding * magnitude;
      EXPECT_NEAR(static_cast<double>(actual[index(row * sizes.n + col)]), expected, tolerance);
    }
  }
}

TEST(MatmulTest, Float32ProductsAreSumsOfProducts) {
  for_layouts([](const Sizes& sizes, bool left_transposed, bool right_transposed) {
    const std::vector<float> left = random_values(1, sizes.m * sizes.k);
    const std::vector<float> right = random_values(2, sizes.k * sizes.n);
    expect_float_product(
        sizes, left, right,
        product<float>(ElementType::kF32, sizes, left, right, left_transposed, right_transposed));
  });
}

std::vector<std::uint16_t> as_bf16(const std::vector<float>& values) {
  std::vector<std::uint16_t> words(values.size());
  convert_to_bf16(values.data(), static_cast<std::int64_t>(values.size()), words.data());
  return words;
}

float from_bf16(std::uint16_t word) { return std::bit_cast<float>(static_cast<std::uint32_t>(word) << 16); }

std::vector<float> rounded_to_bf16(const std::vector<float>& values) {
  std::vector<float> out;
  for (const std::uint16_t word : as_bf16(values)) out.push_back(from_bf16(word));
  return out;
}

TEST(MatmulTest, Bfloat16ProductsAreSummedInFloat32) {
  if (!has_bf16_products()) GTEST_SKIP() << "this processor has no bf16 products";
  for_layouts([](const Sizes& sizes, bool left_transposed, bool right_transposed) {
    const std::vector<float> left = rounded_to_bf16(random_values(1, sizes.m * sizes.k));
    const std::vector<float> right = rounded_to_bf16(random_values(2, sizes.k * sizes.n));
    expect_float_product(sizes, left, right,
                         product<float>(ElementType::kBF16, sizes, as_bf16(left), as_bf16(right),
                                        left_transposed, right_transposed));
  });
}

/// Products of factors of a type with a bias, with what is there before, with both and with neither.
void expect_addends(ElementType type, const Sizes& sizes, bool left_transposed, bool right_transposed) {
  const std::vector<float> left = rounded_to_bf16(random_values(1, sizes.m * sizes.k));
  const std::vector<float> right = rounded_to_bf16(random_values(2, sizes.k * sizes.n));
  const std::vector<float> bias = random_values(3, sizes.n);
  const std::vector<float> before = random_values(4, sizes.m * sizes.n);
  for (const bool with_bias : {false, true}) {
    for (const bool accumulate : {false, true}) {
      SCOPED_TRACE(base::concat(with_bias ? "bias" : "no bias", accumulate ? ", accumulate" : ""));
      const MatmulOptions options{.bias = with_bias ? bias.data() : nullptr, .accumulate = accumulate};
      const std::vector<float> actual =
          type == ElementType::kF32
              ? product<float>(type, sizes, left, right, left_transposed, right_transposed, options, before)
              : product<float>(type, sizes, as_bf16(left), as_bf16(right), left_transposed, right_transposed,
                               options, before);
      expect_float_product(sizes, left, right, actual,
                           {.bias = with_bias ? bias : std::vector<float>{},
                            .before = accumulate ? before : std::vector<float>{}});
    }
  }
}

TEST(MatmulTest, ABiasIsAddedToEachRowAndAccumulationAddsToWhatIsThere) {
  for_layouts([](const Sizes& sizes, bool left_transposed, bool right_transposed) {
    expect_addends(ElementType::kF32, sizes, left_transposed, right_transposed);
    if (has_bf16_products()) expect_addends(ElementType::kBF16, sizes, left_transposed, right_transposed);
  });
}

/// Codes of a magnitude, both extremes often among them; the left factor may be -128.
std::vector<std::int8_t> random_codes(std::uint64_t seed, std::int64_t count, int smallest, int largest) {
  base::Random random(seed);
  std::vector<std::int8_t> codes;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto draw = static_cast<int>(random.below(static_cast<std::uint64_t>(largest - smallest + 1)));
    const int code = random.below(2) == 0 ? smallest + draw : (random.below(2) == 0 ? smallest : largest);
    codes.push_back(static_cast<std::int8_t>(code));
  }
  return codes;
}

void expect_integer_product(const Sizes& sizes, const std::vector<std::int8_t>& left,
                            const std::vector<std::int8_t>& right, const std::vector<std::int32_t>& actual) {
  for (std::int64_t row = 0; row < sizes.m; ++row) {
    for (std::int64_t col = 0; col < sizes.n; ++col) {
      std::int32_t expected = 0;
      for (std::int64_t k = 0; k < sizes.k; ++k) {
        expected += left[index(row * sizes.k + k)] * right[index(k * sizes.n + col)];
      }
      EXPECT_EQ(actual[index(row * sizes.n + col)], expected);
    }
  }
}

TEST(MatmulTest, ProductsOfCodesAreExactUpToTheMagnitudeThatNoProcessorSaturates) {
  for (const int magnitude : {1, 7, 64}) {
    for_layouts([=](const Sizes& sizes, bool left_transposed, bool right_transposed) {
      const auto left = random_codes(1, sizes.m * sizes.k, -128, 127);
      const auto right = random_codes(2, sizes.k * sizes.n, -magnitude, magnitude);
      expect_integer_product(sizes, left, right,
                             product<std::int32_t>(ElementType::kS8, sizes, left, right, left_transposed,
                                                   right_transposed, {.right_magnitude = magnitude}));
    });
  }
}

TEST(MatmulTest, ProductsOfAnyCodesAreExactOrRefused) {
  const Sizes sizes{.m = 33, .k = 66, .n = 17};
  const auto left = random_codes(1, sizes.m * sizes.k, -128, 127);
  const auto right = random_codes(2, sizes.k * sizes.n, -127, 127);
  const auto multiply = [&] {
    return product<std::int32_t>(ElementType::kS8, sizes, left, right, false, true);
  };
  if (int8_products_are_exact()) {
    expect_integer_product(sizes, left, right, multiply());
  } else {
    EXPECT_THAT(multiply,
                ThrowsMessage<base::InvalidArgument>(
                    "matmul: int8 codes up to 127 would saturate on this processor: expected at most 64"));
  }
}

TEST(MatmulTest, AnEmptyInnerSizeGivesZerosAndAnEmptyResultIsNotTouched) {
  EXPECT_THAT(
      product<float>(ElementType::kF32, {.m = 3, .k = 0, .n = 5}, std::vector<float>{}, {}, false, false),
      Each(0.0F));
  EXPECT_THAT(product<std::int32_t>(ElementType::kS8, {.m = 3, .k = 0, .n = 5}, std::vector<std::int8_t>{},
                                    {}, false, true, {.right_magnitude = 1}),
              Each(0));
  float untouched = 1.0F;
  const std::vector<float> factor(15, 1.0F);
  matmul({.data = nullptr, .rows = 0, .cols = 3}, {.data = factor.data(), .rows = 3, .cols = 5}, &untouched);
  matmul({.data = factor.data(), .rows = 5, .cols = 3}, {.data = nullptr, .rows = 3, .cols = 0}, &untouched);
  EXPECT_EQ(untouched, 1.0F);
}

TEST(MatmulTest, RefusesInnerSizesThatDiffer) {
  const std::vector<float> factor(12, 1.0F);
  float out = 0.0F;
  EXPECT_THAT(([&] {
                matmul({.data = factor.data(), .rows = 2, .cols = 3},
                       {.data = factor.data(), .rows = 4, .cols = 1}, &out);
              }),
              ThrowsMessage<base::InvalidArgument>(
                  "matmul: expected as many rows on the right as columns on the left, "
                  "found [2, 3] x [4, 1]"));
}

TEST(MatmulTest, RefusesFactorsOfTwoTypes) {
  const std::vector<float> left(6, 1.0F);
  const std::vector<std::int8_t> right(6, 1);
  std::vector<float> out(4);
  EXPECT_THAT(([&] {
                matmul({.data = left.data(), .rows = 2, .cols = 3},
                       {.data = right.data(), .type = ElementType::kS8, .rows = 3, .cols = 2}, out.data());
              }),
              ThrowsMessage<base::InvalidArgument>("matmul: expected factors of one type, found two"));
}

TEST(MatmulTest, RefusesABiasAndAccumulationForCodesAndEmptyProducts) {
  const std::vector<float> values(6, 1.0F);
  const std::vector<std::int8_t> codes(6, 1);
  const MatmulOptions with_bias{.bias = values.data(), .right_magnitude = 1};
  const MatmulOptions with_sum{.accumulate = true, .right_magnitude = 1};
  for (const MatmulOptions& options : {with_bias, with_sum}) {
    std::vector<float> out(4, 99.0F);
    const auto expect_refused = [&](const MatrixView& left, const MatrixView& right) {
      EXPECT_THAT(([&] { matmul(left, right, out.data(), options); }),
                  ThrowsMessage<base::InvalidArgument>(
                      "matmul: expected no bias and no accumulation for int8 codes or an empty product"));
      EXPECT_THAT(out, Each(99.0F));
    };
    expect_refused({.data = codes.data(), .type = ElementType::kS8, .rows = 2, .cols = 3},
                   {.data = codes.data(), .type = ElementType::kS8, .rows = 3, .cols = 2});
    expect_refused({.data = values.data(), .rows = 2, .cols = 0},
                   {.data = values.data(), .rows = 0, .cols = 2});
  }
}

TEST(ConvertToBf16Test, RoundsHalfToEven) {
  // Neighbours of 1 in bfloat16 are 2^-7 apart.
  const std::vector<float> values = {
      1.0F + 0x1p-8F, 1.0F + 0x3p-8F, 1.0F + 0x1.1p-8F, 1.0F + 0x2.fp-8F, -1.0F - 0x1p-8F,
      0.0F,           -0.0F,          0x1p-133F,        0x1p-134F,        3.0F};
  EXPECT_EQ(rounded_to_bf16(values), (std::vector<float>{1.0F, 1.0F + 0x1p-6F, 1.0F + 0x1p-7F, 1.0F + 0x1p-7F,
                                                         -1.0F, 0.0F, -0.0F, 0x1p-133F, 0.0F, 3.0F}));
}

TEST(ConvertToBf16Test, GivesTheNearestOfTheTwoNeighboursAtEverySize) {
  std::vector<std::int64_t> sizes = {200003};
  for (std::int64_t size = 1; size <= 67; ++size) sizes.push_back(size);
  for (const std::int64_t size : sizes) {
    const std::vector<float> values = random_values(static_cast<std::uint64_t>(size), size, -1e3, 1e3);
    const std::vector<std::uint16_t> words = as_bf16(values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto below = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(values[i]) >> 16);
      const float down = std::fabs(values[i] - from_bf16(below));
      const float up = std::fabs(from_bf16(static_cast<std::uint16_t>(below + 1)) - values[i]);
      const bool rounds_up = up < down || (up == down && below % 2 == 1);
      ASSERT_EQ(words[i], below + (rounds_up ? 1 : 0)) << values[i];
    }
  }
}

}  // namespace
}  // namespace kdqat::kernels
