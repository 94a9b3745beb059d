#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/base/random.h"

namespace kdqat::simd {

/// Half of a float's last place, relative to the float: the error of one rounding.
inline constexpr double kRounding = 0x1p-24;

constexpr std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Uniform on [low, high), the same on every machine.
inline std::vector<float> random_values(std::uint64_t seed, std::int64_t count, double low = -3.0,
                                        double high = 3.0) {
  base::Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(low + (high - low) * random.uniform());
  return values;
}

/// Holds `compute`, which gives something that == compares, to the same bits at 1, 2 and 3 threads.
template <typename Compute>
void expect_the_same_for_every_thread_count(const Compute& compute) {
  const int before = base::num_threads();
  base::set_num_threads(1);
  const auto expected = compute();
  for (const int threads : {2, 3}) {
    base::set_num_threads(threads);
    EXPECT_TRUE(compute() == expected) << threads << " threads";
  }
  base::set_num_threads(before);
}

}  // namespace kdqat::simd
