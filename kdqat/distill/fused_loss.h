#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "kdqat/distill/loss.h"

namespace kdqat::distill {

/// The losses that read large signals. Scalars, differentiable in the student's signal; the teacher's gets no
/// gradient. The fused form (kernels/loss.h) takes one pass over the signals and another for the gradient; it
/// is differentiable once and throws InvalidArgument for anything but float32 on a CPU.

/// Mean of (student - teacher)^2.
torch::Tensor mean_squared_error(const torch::Tensor& student, const torch::Tensor& teacher,
                                 quant::Form form);

/// The ragged map of a batch as runs, one a sentence.
struct MapRuns {
  explicit MapRuns(const LossInputs& inputs);

  std::vector<std::int64_t> starts;  ///< [B+1], elements
  std::vector<double> weights;       ///< [B]: 1 / (B H n_b), of each element in attention_map_loss
};

/// The fused form of the term of a layer in attention_map_loss, of maps at any temperature.
torch::Tensor fused_divergence(const MapRuns& runs, const torch::Tensor& student_map,
                               const torch::Tensor& teacher_map);

}  // namespace kdqat::distill
