#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kdqat/base/random.h"

namespace kdqat::kernels {

void register_gemm_benchmarks();
void register_attention_benchmarks();
void register_elementwise_benchmarks();

/// Uniform on [-3, 3), the same on every machine.
inline std::vector<float> benchmark_values(std::uint64_t seed, std::int64_t count) {
  base::Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(6.0 * random.uniform() - 3.0);
  return values;
}

/// Times run(), which does `operations` of what `unit` counts.
template <typename Run>
void add_benchmark(const std::string& name, const std::string& unit, double operations, const Run& run) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    for (auto _ : state) {
      run();
      benchmark::ClobberMemory();
    }
    state.counters[unit] = benchmark::Counter(operations, benchmark::Counter::kIsIterationInvariantRate);
  })->UseRealTime();
}

}  // namespace kdqat::kernels
