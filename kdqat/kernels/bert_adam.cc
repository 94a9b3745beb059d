#include "kdqat/kernels/bert_adam.h"

#include <algorithm>
#include <cmath>

#include "kdqat/base/parallel.h"
#include "kdqat/simd/multiversion.h"
#include "kdqat/simd/reduce.h"

namespace kdqat::kernels {
namespace {

KDQAT_MULTIVERSION
void update(const BertAdamSettings& settings, std::int64_t count, const float* gradient, float* weights,
            float* first_moment, float* second_moment) {
  const auto beta1 = static_cast<float>(settings.beta1);
  const auto beta2 = static_cast<float>(settings.beta2);
  const auto one_minus_beta1 = static_cast<float>(1.0 - settings.beta1);
  const auto one_minus_beta2 = static_cast<float>(1.0 - settings.beta2);
  for (std::int64_t i = 0; i < count; ++i) {
    const float g = settings.gradient_factor * gradient[i];
    const float m = beta1 * first_moment[i] + one_minus_beta1 * g;
    const float v = beta2 * second_moment[i] + one_minus_beta2 * (g * g);
    first_moment[i] = m;
    second_moment[i] = v;
    const float step = m / (std::sqrt(v) + settings.epsilon) + settings.weight_decay * weights[i];
    weights[i] -= settings.learning_rate * step;
  }
}

KDQAT_MULTIVERSION
void update_without_gradient(const BertAdamSettings& settings, std::int64_t count, float* weights,
                             float* first_moment, float* second_moment) {
  const auto beta1 = static_cast<float>(settings.beta1);
  const auto beta2 = static_cast<float>(settings.beta2);
  for (std::int64_t i = 0; i < count; ++i) {
    const float m = beta1 * first_moment[i];
    const float v = beta2 * second_moment[i];
    first_moment[i] = m;
    second_moment[i] = v;
    const float step = m / (std::sqrt(v) + settings.epsilon) + settings.weight_decay * weights[i];
    weights[i] -= settings.learning_rate * step;
  }
}

/// update_without_gradient where both moments are 0.
KDQAT_MULTIVERSION
void decay(const BertAdamSettings& settings, std::int64_t count, float* weights) {
  for (std::int64_t i = 0; i < count; ++i) {
    weights[i] -= settings.learning_rate * (0.0F + settings.weight_decay * weights[i]);
  }
}

KDQAT_MULTIVERSION
double squares(const float* values, std::int64_t count) {
  return simd::sum_in_lanes<double>(count, [&](std::int64_t i) {
    const auto value = static_cast<double>(values[i]);
    return value * value;
  });
}

}  // namespace

void bert_adam_update(const BertAdamSettings& settings, std::int64_t count, const float* gradient,
                      float* weights, float* first_moment, float* second_moment) {
  base::parallel_for(0, count, 16384, [&](std::int64_t first, std::int64_t last) {
    if (gradient == nullptr) {
      update_without_gradient(settings, last - first, weights + first, first_moment + first,
                              second_moment + first);
    } else {
      update(settings, last - first, gradient + first, weights + first, first_moment + first,
             second_moment + first);
    }
  });
}

void bert_adam_idle_updates(const BertAdamSettings& settings, std::span<const float> learning_rates,
                            std::int64_t count, float* weights, float* first_moment, float* second_moment) {
  const auto is_zero = [](float x) { return x == 0.0F; };
  const bool no_moments = std::all_of(first_moment, first_moment + count, is_zero) &&
                          std::all_of(second_moment, second_moment + count, is_zero);
  BertAdamSettings of_update = settings;
  for (const float learning_rate : learning_rates) {
    of_update.learning_rate = learning_rate;
    if (no_moments) {
      decay(of_update, count, weights);
    } else {
      update_without_gradient(of_update, count, weights, first_moment, second_moment);
    }
  }
}

double sum_of_squares(const float* values, std::int64_t count) {
  return simd::sum_of_blocks<double>(
      count, [&](std::int64_t first, std::int64_t last) { return squares(values + first, last - first); });
}

}  // namespace kdqat::kernels
