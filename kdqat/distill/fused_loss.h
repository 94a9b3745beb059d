#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "kdqat/distill/loss.h"

// The losses of one layer that read large signals, in both forms:
//
//   const torch::Tensor loss = mean_squared_error(student.context[l], teacher.context[l], inputs.form);

namespace kdqat::distill {

// All results are scalars, differentiable in the student's signal; the teacher's signal gets no gradient. The
// fused form (kernels/loss.h) makes one pass over the signals and one for the gradient. It is differentiable
// once, and throws InvalidArgument for anything but float32 on a CPU.

/// Mean of (student - teacher)^2.
torch::Tensor mean_squared_error(const torch::Tensor& student, const torch::Tensor& teacher,
                                 quant::Form form);

/// Where the sequences of a batch lie in its ragged attention map.
struct MapRuns {
  explicit MapRuns(const LossInputs& inputs);

  std::vector<std::int64_t> starts;  ///< [B+1]: first element of each sequence
  std::vector<double> weights;       ///< [B]: 1 / (B H n_b), the weight of its elements in attention_map_loss
};

/// The fused form of one layer's term of attention_map_loss, from maps at any temperature.
torch::Tensor fused_divergence(const MapRuns& runs, const torch::Tensor& student_map,
                               const torch::Tensor& teacher_map);

}  // namespace kdqat::distill
