// Times each kernel beside its plain form and, for products of matrices, oneDNN:
//
//   cmake --preset release -DKDQAT_BUILD_TRAINING=OFF -DKDQAT_BUILD_BENCHMARKS=ON
//   cmake --build --preset release --target kernels_benchmark
//   build/release/bin/kernels_benchmark --benchmark_filter=gemm/.*rows:64 --benchmark_repetitions=5
//
// KDQAT_BENCHMARK_THREADS sets the number of threads, 1 unless given. Times are real time. Each product is
// compared with its plain form before it is timed.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "benchmarks/kernels/benchmarks.h"
#include "kdqat/base/parallel.h"
#include "kdqat/simd/instruction_set.h"

int main(int argc, char** argv) {
  const char* wanted = std::getenv("KDQAT_BENCHMARK_THREADS");
  const int threads = wanted == nullptr ? 1 : std::atoi(wanted);
  kdqat::base::set_num_threads(threads < 1 ? 1 : threads);
  benchmark::AddCustomContext("kdqat_threads", std::to_string(kdqat::base::num_threads()));
  benchmark::AddCustomContext("kdqat_instruction_set",
                              std::string(name_of(kdqat::simd::default_instruction_set())));
  kdqat::kernels::register_gemm_benchmarks();
  kdqat::kernels::register_attention_benchmarks();
  kdqat::kernels::register_elementwise_benchmarks();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
