#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "kdqat/encoder/encoder_config.h"
#include "kdqat/quant/linear.h"

namespace kdqat::train {

struct StepBenchmarkConfig {
  encoder::EncoderConfig encoder;     ///< of teacher and student; weights are random
  std::vector<std::int64_t> lengths;  ///< tokens of each sentence of the batch
  quant::Precision precision = quant::Precision::kBf16;
  std::int64_t repetitions = 5;  ///< after one step of warm-up
};

/// Times one step of distillation with the objective `unified`: 2-bit weights, 8-bit activations, one scale a
/// token.
///
/// First the losses and the gradients' norm of the fused form are compared with those of the plain form on
/// the batch's first sentences. Then the medians of the repetitions, in seconds:
///   {"step_seconds": {"teacher_forward", "student_forward", "losses", "backward", "optimizer", "total"},
///    "tokens", "tokens_per_second", "gemm_floor_seconds", "fraction_of_floor", "peak_rss_bytes", "threads",
///    "cpu", "products": {"bf16", "int8"}: GFLOP/s over all shapes, "check": {"loss_difference",
///    "gradient_norm_difference"}}
/// gemm_floor_seconds: products of the teacher's forward pass and of the backward pass in bf16 and of the
/// student's forward pass in int8, each at the rate that kernels::matmul reaches for its shape in the same
/// run. Throws NumericError if the forms differ by more than rounding (1e-3 relative).
nlohmann::json benchmark_step(const StepBenchmarkConfig& config);

}  // namespace kdqat::train
