#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "kdqat/kernels/gemm/bf16_gemm.h"
#include "kdqat/simd/bf16.h"
#include "tests/kernels/bf16_sets.h"
#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

double value_of(std::uint16_t bits) {
  return static_cast<double>(std::bit_cast<float>(std::uint32_t{bits} << 16));
}

std::vector<std::uint16_t> random_bf16(std::uint64_t seed, std::int64_t count) {
  std::vector<std::uint16_t> result;
  for (const float value : random_values(seed, count)) result.push_back(simd::bf16_bits(value));
  return result;
}

struct Problem {
  Problem(std::int64_t m, std::int64_t k, std::int64_t n)
      : rows(m),
        cols(k),
        outputs(n),
        x(random_bf16(1, m * k)),
        weights(random_values(2, n * k)),
        bias(random_values(3, n)) {}

  std::vector<float> multiply(simd::InstructionSet set) const {
    std::vector<std::uint16_t> panels(index(bf16_panel_bytes(outputs, cols) / 2), 0x7FC0);
    pack_bf16_panels(weights.data(), outputs, cols, panels.data());
    std::vector<float> out(index(rows * outputs), 99.0F);
    multiply_bf16_panels({.x = x.data(),
                          .rows = rows,
                          .cols = cols,
                          .panels = panels.data(),
                          .outputs = outputs,
                          .bias = bias.data()},
                         out.data(), set);
    return out;
  }

  std::int64_t rows, cols, outputs;
  std::vector<std::uint16_t> x;
  std::vector<float> weights;
  std::vector<float> bias;
};

class Bf16ProductTest : public EachBf16Set {};
INSTANTIATE_TEST_SUITE_P(EverySet, Bf16ProductTest, bf16_sets(), bf16_set_name);

// A sum of k products of at most 9 rounds at most k + 1 times, each by half a last place of what is summed so
// far; the processor flushes what is below the normal numbers, which is smaller.
TEST_P(Bf16ProductTest, IsTheSumOfTheProductsOfRoundedFactors) {
  for (const auto& [m, k, n] : {std::tuple{1, 1, 1},
                                {2, 7, 17},
                                {9, 64, 33},
                                {101, 48, 70},
                                {8, 31, 32},
                                {17, 96, 16},
                                {300, 70, 40},
                                {290, 200, 40},
                                {40, 577, 33}}) {
    const Problem problem(m, k, n);
    const std::vector<float> out = problem.multiply(GetParam());
    for (std::int64_t t = 0; t < m; ++t) {
      for (std::int64_t o = 0; o < n; ++o) {
        double sum = static_cast<double>(problem.bias[index(o)]);
        double magnitude = std::abs(sum);
        for (std::int64_t i = 0; i < k; ++i) {
          const double term = value_of(problem.x[index(t * k + i)]) *
                              value_of(simd::bf16_bits(problem.weights[index(o * k + i)]));
          sum += term;
          magnitude += std::abs(term);
        }
        ASSERT_NEAR(out[index(t * n + o)], sum, (k + 1) * kRounding * magnitude)
            << m << " x " << k << " x " << n;
      }
    }
  }
}

TEST_P(Bf16ProductTest, ARowDoesNotDependOnTheOthers) {
  const Problem all(60, 64, 48);
  const std::vector<float> expected = all.multiply(GetParam());
  for (const std::int64_t first : {0, 13, 59}) {
    Problem one(1, 64, 48);
    one.x.assign(all.x.begin() + first * 64, all.x.begin() + (first + 1) * 64);
    EXPECT_EQ(one.multiply(GetParam()),
              std::vector<float>(expected.begin() + first * 48, expected.begin() + (first + 1) * 48));
  }
}

TEST_P(Bf16ProductTest, ThreadsDoNotChangeTheBits) {
  const Problem problem(150, 384, 100);
  expect_the_same_for_every_thread_count([&] { return problem.multiply(GetParam()); });
}

TEST(Bf16PanelsTest, WeightsThatAreRoundedAlreadyGiveTheSamePanels) {
  const std::vector<float> weights = random_values(4, 19 * 21);
  std::vector<std::uint16_t> rounded;
  for (const float weight : weights) rounded.push_back(simd::bf16_bits(weight));
  std::vector<std::uint16_t> from_floats(index(bf16_panel_bytes(19, 21) / 2), 1);
  std::vector<std::uint16_t> from_rounded(from_floats.size(), 2);
  pack_bf16_panels(weights.data(), 19, 21, from_floats.data());
  pack_bf16_panels(rounded.data(), 19, 21, from_rounded.data());
  EXPECT_EQ(from_floats, from_rounded);
}

}  // namespace
}  // namespace kdqat::kernels
