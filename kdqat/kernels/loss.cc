#include "kdqat/kernels/loss.h"

#include <algorithm>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/simd/multiversion.h"
#include "kdqat/simd/reduce.h"
#include "kdqat/simd/vector_math.h"

namespace kdqat::kernels {
namespace {

constexpr std::int64_t kLossGrain = 8192;
constexpr auto kFloor = static_cast<float>(kSmallestProbability);

KDQAT_MULTIVERSION
double squares_of_differences(const float* student, const float* teacher, std::int64_t count) {
  return simd::sum_of_vectors<double>(count, [&](const auto& load, std::int64_t i) {
    const auto difference = load(student + i) - load(teacher + i);
    return difference * difference;
  });
}

KDQAT_MULTIVERSION
void scaled_differences(const float* student, const float* teacher, std::int64_t count, float factor,
                        float* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = factor * (student[i] - teacher[i]);
}

__attribute__((always_inline)) inline float clamped(float probability) {
  return probability > kFloor ? probability : kFloor;
}

KDQAT_MULTIVERSION
double divergence_terms(const float* teacher, const float* student, std::int64_t count) {
  return simd::sum_in_lanes<double>(count, [&](std::int64_t i) {
    const float p = clamped(teacher[i]);
    return p * (simd::log_positive(p) - simd::log_positive(clamped(student[i])));
  });
}

KDQAT_MULTIVERSION
void divergence_slopes(const float* teacher, const float* student, std::int64_t count, float factor,
                       float* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float slope = factor * clamped(teacher[i]) / clamped(student[i]);
    out[i] = student[i] < kFloor ? 0.0F : slope;
  }
}

/// body(run, its first element, its size) for all runs; a thread takes neighbours of some thousand elements.
template <typename Body>
void for_runs(std::span<const std::int64_t> starts, const Body& body) {
  const auto runs = static_cast<std::int64_t>(starts.size()) - 1;
  if (runs < 1) return;
  const std::int64_t mean_size = std::max<std::int64_t>(1, (starts.back() - starts.front()) / runs);
  base::parallel_for(
      0, runs, std::max<std::int64_t>(1, kLossGrain / mean_size), [&](std::int64_t first, std::int64_t last) {
        for (auto run = static_cast<std::size_t>(first); run < static_cast<std::size_t>(last); ++run) {
          body(run, starts[run], starts[run + 1] - starts[run]);
        }
      });
}

}  // namespace

double squared_distance(const float* student, const float* teacher, std::int64_t count) {
  return simd::sum_of_blocks<double>(count, [&](std::int64_t first, std::int64_t last) {
    return squares_of_differences(student + first, teacher + first, last - first);
  });
}

void squared_distance_backward(const float* student, const float* teacher, std::int64_t count, float factor,
                               float* gradient) {
  base::parallel_for(0, count, kLossGrain, [&](std::int64_t first, std::int64_t last) {
    scaled_differences(student + first, teacher + first, last - first, factor, gradient + first);
  });
}

double divergence(const Probabilities& probabilities) {
  const std::span<const std::int64_t> starts = probabilities.starts;
  std::vector<double> sums(probabilities.weights.size());
  for_runs(starts, [&](std::size_t run, std::int64_t first, std::int64_t count) {
    sums[run] = probabilities.weights[run] *
                divergence_terms(probabilities.teacher + first, probabilities.student + first, count);
  });
  double total = 0.0;
  for (const double sum : sums) total += sum;
  return total;
}

void divergence_backward(const Probabilities& probabilities, double factor, float* gradient) {
  for_runs(probabilities.starts, [&](std::size_t run, std::int64_t first, std::int64_t count) {
    divergence_slopes(probabilities.teacher + first, probabilities.student + first, count,
                      static_cast<float>(-factor * probabilities.weights[run]), gradient + first);
  });
}

}  // namespace kdqat::kernels
