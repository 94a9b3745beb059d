#pragma once

#include <cstdint>
#include <span>

namespace kdqat::kernels {

/// Sum of (student - teacher)^2 over float32 [count], in double and in one order whatever the thread count.
double squared_distance(const float* student, const float* teacher, std::int64_t count);

/// gradient = factor (student - teacher), float32 [count].
void squared_distance_backward(const float* student, const float* teacher, std::int64_t count, float factor,
                               float* gradient);

/// What probabilities are clamped at from below before their logarithm is taken.
inline constexpr double kSmallestProbability = 1e-8;

/// Probabilities of a teacher and a student in runs, float32: run r is starts[r] .. starts[r + 1] - 1.
struct Probabilities {
  const float* teacher = nullptr;
  const float* student = nullptr;
  std::span<const std::int64_t> starts;  ///< ascending, one more than there are runs
  std::span<const double> weights;       ///< of a run's sum
};

/// sum_r weights[r] sum_i p^T_i (log p^T_i - log p^S_i) with p clamped at kSmallestProbability, summed in
/// double and in one order whatever the thread count.
double divergence(const Probabilities& probabilities);

/// gradient = -factor weights[r] p^T_i / p^S_i, p^T clamped; 0 where p^S is clamped.
void divergence_backward(const Probabilities& probabilities, double factor, float* gradient);

}  // namespace kdqat::kernels
