#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "kdqat/base/error.h"
#include "kdqat/kernels/gemm/s8_gemm.h"
#include "tests/kernels/random_codes.h"
#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Factors and scales of a product [m, k] x [n, k]^T.
struct Problem {
  Problem(std::int64_t m, std::int64_t k, std::int64_t n, int bits)
      : shape{.rows = n, .cols = k, .bits = bits},
        rows(m),
        codes(random_codes(1, m * k, 127)),
        weights(random_codes(2, n * k, magnitude_of(bits))),
        row_scales(random_values(3, m, 0.001, 0.1)),
        col_scales(random_values(4, n, 0.001, 0.1)),
        bias(random_values(5, n)) {}

  std::vector<float> multiply(simd::InstructionSet set, bool scale_a_row = true,
                              bool scale_a_column = true) const {
    std::vector<std::uint8_t> panels(index(shape.bytes()));
    pack_panels(weights.data(), shape, panels.data());
    std::vector<float> out(index(rows * shape.rows), 99.0F);
    multiply_panels({.codes = codes.data(),
                     .rows = rows,
                     .row_scales = row_scales.data(),
                     .row_scales_count = scale_a_row ? rows : 1,
                     .panels = panels.data(),
                     .weights = shape,
                     .col_scales = col_scales.data(),
                     .col_scales_count = scale_a_column ? shape.rows : 1,
                     .bias = bias.data()},
                    out.data(), set);
    return out;
  }

  std::vector<float> expected(bool scale_a_row = true, bool scale_a_column = true) const {
    std::vector<float> out;
    for (std::int64_t t = 0; t < rows; ++t) {
      for (std::int64_t n = 0; n < shape.rows; ++n) {
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < shape.cols; ++k)
          sum += codes[index(t * shape.cols + k)] * weights[index(n * shape.cols + k)];
        const float scale =
            row_scales[index(scale_a_row ? t : 0)] * col_scales[index(scale_a_column ? n : 0)];
        out.push_back(static_cast<float>(sum) * scale + bias[index(n)]);
      }
    }
    return out;
  }

  PanelShape shape;
  std::int64_t rows;
  std::vector<std::int8_t> codes;
  std::vector<std::int8_t> weights;
  std::vector<float> row_scales;
  std::vector<float> col_scales;
  std::vector<float> bias;
};

template <typename Body>
void for_sets_and_bits(const Body& body) {
  for (const simd::InstructionSet set : simd::available_instruction_sets()) {
    for (const int bits : {2, 4, 8}) {
      SCOPED_TRACE(base::concat(name_of(set), ", ", bits, " bits"));
      body(set, bits);
    }
  }
}

// Every height of a block, one panel and two, whole and cut; more rows than a group, of tiles too; more
// columns than AMX takes at a time (384), with one row tile and two.
TEST(PanelProductTest, EveryInstructionSetGivesTheBitsOfPlainSums) {
  for_sets_and_bits([](simd::InstructionSet set, int bits) {
    for (std::int64_t m = 1; m <= 9; ++m) {
      const Problem problem(m, 19 + m, 15 + 5 * m, bits);
      EXPECT_EQ(problem.multiply(set), problem.expected()) << m << " rows";
    }
    for (const auto& [m, k, n] : {std::tuple{1, 1, 1},
                                  {17, 64, 32},
                                  {101, 48, 70},
                                  {3, 16, 16},
                                  {33, 200, 17},
                                  {300, 100, 40},
                                  {10, 384, 16},
                                  {27, 385, 40},
                                  {300, 900, 24}}) {
      const Problem problem(m, k, n, bits);
      EXPECT_EQ(problem.multiply(set), problem.expected()) << m << " x " << k << " x " << n;
    }
  });
}

TEST(PanelProductTest, TheLargestCodesDoNotSaturate) {
  for_sets_and_bits([](simd::InstructionSet set, int bits) {
    for (const int sign : {1, -1}) {
      Problem problem(9, 1024, 33, bits);
      std::fill(problem.codes.begin(), problem.codes.end(), std::int8_t{127});
      std::fill(problem.weights.begin(), problem.weights.end(),
                static_cast<std::int8_t>(sign * magnitude_of(bits)));
      EXPECT_EQ(problem.multiply(set), problem.expected()) << sign;
    }
  });
}

TEST(PanelProductTest, OneScaleStandsForAll) {
  for_sets_and_bits([](simd::InstructionSet set, int bits) {
    const Problem problem(5, 32, 40, bits);
    EXPECT_EQ(problem.multiply(set, false, true), problem.expected(false, true));
    EXPECT_EQ(problem.multiply(set, true, false), problem.expected(true, false));
  });
}

TEST(PanelProductTest, ThreadsDoNotChangeTheBits) {
  const Problem problem(150, 384, 100, 2);
  expect_the_same_for_every_thread_count([&] { return problem.multiply(simd::default_instruction_set()); });
}

TEST(PanelProductTest, NoRowsGiveNothing) {
  const Problem problem(0, 32, 16, 2);
  EXPECT_TRUE(problem.multiply(simd::InstructionSet::kScalar).empty());
}

TEST(PanelProductTest, OtherBitsAndSetsAreRefused) {
  const Problem problem(1, 16, 16, 2);
  for (const simd::InstructionSet set :
       {simd::InstructionSet::kAvx512Vnni, simd::InstructionSet::kAmx, simd::InstructionSet::kNeon}) {
    if (is_available(set)) continue;
    EXPECT_THAT([&] { problem.multiply(set); },
                ThrowsMessage<base::InvalidArgument>(HasSubstr(std::string(name_of(set)))));
  }
  float out = 0.0F;
  EXPECT_THAT([&] { multiply_panels({.weights = {.rows = 1, .cols = 1, .bits = 3}}, &out); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("found 3")));
}

// A process reads the variable once, so CTest runs this test with several values of it.
TEST(InstructionSetTest, TheVariableChoosesAndTheFastestIsTheDefault) {
  const char* wanted = std::getenv("KDQAT_INSTRUCTION_SET");
  const std::vector<simd::InstructionSet> here = simd::available_instruction_sets();
  if (wanted == nullptr) {
    EXPECT_EQ(simd::default_instruction_set(), here.back());
  } else if (std::any_of(here.begin(), here.end(),
                         [&](simd::InstructionSet set) { return name_of(set) == wanted; })) {
    EXPECT_EQ(name_of(simd::default_instruction_set()), wanted);
  } else {
    EXPECT_THAT([] { simd::default_instruction_set(); },
                ThrowsMessage<base::InvalidArgument>(AllOf(HasSubstr(wanted), HasSubstr("one of scalar"))));
  }
}

}  // namespace
}  // namespace kdqat::kernels
