// The products of AArch64 against the scalar ones, for an emulator: a program of its own, without a test
// library. Exits with 1 where a bit differs.

#include <cstdio>
#include <tuple>
#include <vector>

#include "kdqat/kernels/gemm/s8_gemm.h"
#include "tests/kernels/random_codes.h"

namespace kdqat::kernels {
namespace {

std::vector<float> fractions(std::uint64_t seed, std::int64_t count) {
  base::Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(random.uniform());
  return values;
}

bool check(std::int64_t m, std::int64_t k, std::int64_t n, int bits) {
  const PanelShape shape{.rows = n, .cols = k, .bits = bits};
  const std::vector<std::int8_t> codes = random_codes(1, m * k, 127);
  const std::vector<std::int8_t> weights = random_codes(2, n * k, magnitude_of(bits));
  const std::vector<float> row_scales = fractions(3, m);
  const std::vector<float> col_scales = fractions(4, n);
  const std::vector<float> bias = fractions(5, n);
  std::vector<std::uint8_t> panels(static_cast<std::size_t>(shape.bytes()));
  pack_panels(weights.data(), shape, panels.data());
  const auto multiply = [&](simd::InstructionSet set) {
    std::vector<float> out(static_cast<std::size_t>(m * n));
    multiply_panels({.codes = codes.data(),
                     .rows = m,
                     .row_scales = row_scales.data(),
                     .row_scales_count = m,
                     .panels = panels.data(),
                     .weights = shape,
                     .col_scales = col_scales.data(),
                     .col_scales_count = n,
                     .bias = bias.data()},
                    out.data(), set);
    return out;
  };
  const bool same = multiply(simd::InstructionSet::kNeon) == multiply(simd::InstructionSet::kScalar);
  if (!same) {
    std::printf("%lld x %lld x %lld at %d bits: expected the scalar products\n", static_cast<long long>(m),
                static_cast<long long>(k), static_cast<long long>(n), bits);
  }
  return same;
}

}  // namespace
}  // namespace kdqat::kernels

int main() {
  bool same = true;
  for (const int bits : {2, 4, 8}) {
    for (const auto& [m, k, n] :
         {std::tuple{1, 1, 1}, {3, 7, 17}, {8, 64, 32}, {17, 100, 33}, {9, 1024, 48}}) {
      same = kdqat::kernels::check(m, k, n, bits) && same;
    }
  }
  return same ? 0 : 1;
}
