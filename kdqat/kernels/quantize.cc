#include "kdqat/kernels/quantize.h"

#include <array>
#include <cmath>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/multiversion.h"
#include "kdqat/kernels/reduce.h"

namespace kdqat::kernels {
namespace {

/// Groups of a few thousand elements are worth a thread.
constexpr std::int64_t kGrainElements = 8192;

struct AboveThreshold {
  double sum = 0.0;
  std::int64_t count = 0;

  AboveThreshold& operator+=(const AboveThreshold& other) {
    sum += other.sum;
    count += other.count;
    return *this;
  }
};

/// Half to even for |x| < 2^22: the sum leaves no bit for a fraction.
inline float round_half_even(float x) {
  constexpr float kShift = 12582912.0F;  // 1.5 * 2^23
  return (x + kShift) - kShift;
}

/// What 127 / maximum would overflow below, and a step of the uniform grid underflow.
constexpr float kSmallestRange = 1e-36F;

/// How the magnitudes up to `maximum` become codes of 8 bits, and back.
struct SymmetricGrid {
  float multiplier = 0.0F;
  float scale = 0.0F;
};

SymmetricGrid symmetric_grid(float maximum) {
  if (maximum < kSmallestRange) return {};
  return {.multiplier = 127.0F / maximum, .scale = maximum / 127.0F};
}

inline float clipped_magnitude(float x) { return std::min(std::fabs(x), kClip); }

KDQAT_MULTIVERSION
double sum_magnitudes(const float* values, std::int64_t count) {
  std::array<double, kLanes> sums{};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      sums[static_cast<std::size_t>(lane)] += static_cast<double>(clipped_magnitude(values[i + lane]));
    }
  }
  for (std::int64_t lane = 0; i < count; ++i, ++lane) {
    sums[static_cast<std::size_t>(lane)] += static_cast<double>(clipped_magnitude(values[i]));
  }
  return add_lanes(sums);
}

KDQAT_MULTIVERSION
AboveThreshold sum_above(const float* values, std::int64_t count, float threshold) {
  std::array<double, kLanes> sums{};
  std::array<std::int32_t, kLanes> counts{};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const float magnitude = clipped_magnitude(values[i + lane]);
      sums[static_cast<std::size_t>(lane)] += static_cast<double>(magnitude > threshold ? magnitude : 0.0F);
      counts[static_cast<std::size_t>(lane)] += magnitude > threshold ? 1 : 0;
    }
  }
  for (std::int64_t lane = 0; i < count; ++i, ++lane) {
    const float magnitude = clipped_magnitude(values[i]);
    sums[static_cast<std::size_t>(lane)] += static_cast<double>(magnitude > threshold ? magnitude : 0.0F);
    counts[static_cast<std::size_t>(lane)] += magnitude > threshold ? 1 : 0;
  }
  return {.sum = add_lanes(sums), .count = add_lanes(counts)};
}

KDQAT_MULTIVERSION
float max_magnitude(const float* values, std::int64_t count) {
  std::array<float, kLanes> maxima{};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      float& maximum = maxima[static_cast<std::size_t>(lane)];
      const float magnitude = std::fabs(values[i + lane]);
      maximum = maximum > magnitude ? maximum : magnitude;
    }
  }
  float result = 0.0F;
  for (; i < count; ++i) result = std::max(result, std::fabs(values[i]));
  for (const float maximum : maxima) result = std::max(result, maximum);
  return std::min(result, kClip);
}

KDQAT_MULTIVERSION
void ternary_codes(const float* values, std::int64_t count, float threshold, std::int8_t* codes) {
  for (std::int64_t i = 0; i < count; ++i) {
    const int positive = values[i] > threshold ? 1 : 0;
    const int negative = values[i] < -threshold ? 1 : 0;
    codes[i] = static_cast<std::int8_t>(positive - negative);
  }
}

KDQAT_MULTIVERSION
void uniform_codes(const float* values, std::int64_t count, float range, float step, float largest,
                   std::int8_t* codes) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float clamped = std::min(std::max(values[i], -range), range);
    const float code = std::min(std::max(round_half_even(clamped / step), -largest), largest);
    codes[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(code));
  }
}

KDQAT_MULTIVERSION
void symmetric_codes(const float* values, std::int64_t count, float multiplier, std::int8_t* codes) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float clamped = std::min(std::max(values[i], -kClip), kClip);
    codes[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(round_half_even(clamped * multiplier)));
  }
}

KDQAT_MULTIVERSION
void asymmetric_values(const float* values, std::int64_t count, float minimum, float range, float* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float clamped = std::min(std::max(values[i], -kClip), kClip);
    const float level = round_half_even((clamped - minimum) / range * 255.0F);
    out[i] = level / 255.0F * range + minimum;
  }
}

KDQAT_MULTIVERSION
void scale_codes(const std::int8_t* codes, std::int64_t count, float scale, float* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(codes[i]) * scale;
}

KDQAT_MULTIVERSION
void zero_clipped(const float* values, std::int64_t count, float* gradient) {
  for (std::int64_t i = 0; i < count; ++i) {
    gradient[i] = std::fabs(values[i]) < kClip ? gradient[i] : 0.0F;
  }
}

double mean_magnitude(const float* values, std::int64_t count) {
  const double sum = sum_of_blocks<double>(count, [&](std::int64_t first, std::int64_t last) {
    return sum_magnitudes(values + first, last - first);
  });
  return sum / static_cast<double>(count);
}

AboveThreshold above_threshold(const float* values, std::int64_t count, float threshold) {
  return sum_of_blocks<AboveThreshold>(count, [&](std::int64_t first, std::int64_t last) {
    return sum_above(values + first, last - first, threshold);
  });
}

/// body(offset, count) over pieces of the group that starts at 0.
template <typename Body>
void for_pieces(std::int64_t count, const Body& body) {
  base::parallel_for(0, count, kGrainElements,
                     [&](std::int64_t first, std::int64_t last) { body(first, last - first); });
}

/// body(group) for all groups; groups run in parallel where there are several.
template <typename Body>
void for_groups(Groups groups, const Body& body) {
  const std::int64_t grain =
      std::max<std::int64_t>(1, kGrainElements / std::max<std::int64_t>(groups.size, 1));
  base::parallel_for(0, groups.count, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t group = first; group < last; ++group) body(group);
  });
}

float ternarize_group(const float* weights, std::int64_t size, std::int8_t* codes) {
  const auto threshold = static_cast<float>(0.7 * mean_magnitude(weights, size));
  const AboveThreshold kept = above_threshold(weights, size, threshold);
  for_pieces(size, [&](std::int64_t offset, std::int64_t count) {
    ternary_codes(weights + offset, count, threshold, codes + offset);
  });
  return kept.count == 0 ? 0.0F : static_cast<float>(kept.sum / static_cast<double>(kept.count));
}

float twn_uniform_group(const float* weights, std::int64_t size, int bits, std::int8_t* codes) {
  const auto mean = static_cast<float>(mean_magnitude(weights, size));
  const AboveThreshold kept = above_threshold(weights, size, mean);
  const float range = kept.count == 0 ? mean : static_cast<float>(kept.sum / static_cast<double>(kept.count));
  if (range < kSmallestRange) {
    std::fill(codes, codes + size, std::int8_t{0});
    return 0.0F;
  }
  const float step = 2.0F * range / static_cast<float>((1 << bits) - 1);
  const auto largest = static_cast<float>((1 << (bits - 1)) - 1);
  for_pieces(size, [&](std::int64_t offset, std::int64_t count) {
    uniform_codes(weights + offset, count, range, step, largest, codes + offset);
  });
  return step;
}

float max_magnitude_parallel(const float* values, std::int64_t count) {
  struct Maximum {
    float value = 0.0F;
    Maximum& operator+=(const Maximum& other) {
      value = std::max(value, other.value);
      return *this;
    }
  };
  return sum_of_blocks<Maximum>(count,
                                [&](std::int64_t first, std::int64_t last) {
                                  return Maximum{max_magnitude(values + first, last - first)};
                                })
      .value;
}

float symmetric_group(const float* values, std::int64_t size, std::int8_t* codes) {
  const float maximum = max_magnitude_parallel(values, size);
  const SymmetricGrid grid = symmetric_grid(maximum);
  for_pieces(size, [&](std::int64_t offset, std::int64_t count) {
    symmetric_codes(values + offset, count, grid.multiplier, codes + offset);
  });
  return grid.scale;
}

}  // namespace

void quantize_ternary(const float* weights, Groups groups, std::int8_t* codes, float* scales) {
  for_groups(groups, [&](std::int64_t group) {
    scales[group] = ternarize_group(weights + group * groups.size, groups.size, codes + group * groups.size);
  });
}

void quantize_twn_uniform(const float* weights, Groups groups, int bits, std::int8_t* codes, float* scales) {
  for_groups(groups, [&](std::int64_t group) {
    scales[group] =
        twn_uniform_group(weights + group * groups.size, groups.size, bits, codes + group * groups.size);
  });
}

void quantize_symmetric(const float* values, Groups groups, std::int8_t* codes, float* scales) {
  for_groups(groups, [&](std::int64_t group) {
    scales[group] = symmetric_group(values + group * groups.size, groups.size, codes + group * groups.size);
  });
}

float quantize_symmetric_block(const float* values, std::int64_t rows, std::int64_t size, std::int64_t stride,
                               std::int8_t* codes) {
  float maximum = 0.0F;
  for (std::int64_t row = 0; row < rows; ++row)
    maximum = std::max(maximum, max_magnitude(values + row * stride, size));
  const SymmetricGrid grid = symmetric_grid(maximum);
  for (std::int64_t row = 0; row < rows; ++row) {
    symmetric_codes(values + row * stride, size, grid.multiplier, codes + row * size);
  }
  return grid.scale;
}

void fake_quantize_asymmetric(const float* values, Groups groups, float* out) {
  for_groups(groups, [&](std::int64_t group) {
    const float* first = values + group * groups.size;
    const auto [low, high] = std::minmax_element(first, first + groups.size);
    const float minimum = std::clamp(*low, -kClip, kClip);
    const float range = std::clamp(*high, -kClip, kClip) - minimum + 1e-8F;
    asymmetric_values(first, groups.size, minimum, range, out + group * groups.size);
  });
}

void dequantize(const std::int8_t* codes, const float* scales, Groups groups, float* out) {
  for_groups(groups, [&](std::int64_t group) {
    const std::int64_t start = group * groups.size;
    for_pieces(groups.size, [&](std::int64_t offset, std::int64_t count) {
      scale_codes(codes + start + offset, count, scales[group], out + start + offset);
    });
  });
}

void mask_clipped(const float* values, std::int64_t count, float* gradient) {
  // Weights hardly ever reach the clip: one read says so, and saves a read and a write of the gradient.
  if (max_magnitude_parallel(values, count) < kClip) return;
  for_pieces(count, [&](std::int64_t offset, std::int64_t size) {
    zero_clipped(values + offset, size, gradient + offset);
  });
}

}  // namespace kdqat::kernels
