#include "kdqat/kernels/quantize.h"

#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/simd/multiversion.h"
#include "kdqat/simd/reduce.h"

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

/// Sum of the clipped magnitudes of some values, and the largest of them before clipping.
struct Magnitudes {
  double sum = 0.0;
  float maximum = 0.0F;

  Magnitudes& operator+=(const Magnitudes& other) {
    sum += other.sum;
    maximum = std::max(maximum, other.maximum);
    return *this;
  }
};

__attribute__((always_inline)) inline simd::FloatLanes magnitudes_of(const float* values) {
  simd::IntegerLanes bits;
  std::memcpy(&bits, values, sizeof(bits));
  return reinterpret_cast<simd::FloatLanes>(bits & 0x7FFFFFFF);
}

__attribute__((always_inline)) inline simd::FloatLanes larger_of(const simd::FloatLanes& left,
                                                                 const simd::FloatLanes& right) {
  return left > right ? left : right;
}

KDQAT_MULTIVERSION
Magnitudes sum_magnitudes(const float* values, std::int64_t count) {
  simd::DoubleLanes sums = {};
  simd::FloatLanes maxima = {};
  const simd::FloatLanes clip = simd::FloatLanes{} + kClip;
  std::int64_t i = 0;
  for (; i + simd::kLanes <= count; i += simd::kLanes) {
    const simd::FloatLanes magnitudes = magnitudes_of(values + i);
    maxima = larger_of(maxima, magnitudes);
    const simd::FloatLanes clipped = magnitudes < clip ? magnitudes : clip;
    sums += __builtin_convertvector(clipped, simd::DoubleLanes);
  }
  std::array<double, simd::kLanes> lanes = simd::array_of<double>(sums);
  float maximum = simd::max_of_lanes(simd::array_of<float>(maxima));
  for (std::size_t lane = 0; i < count; ++i, ++lane) {
    maximum = std::max(maximum, std::fabs(values[i]));
    lanes[lane] += static_cast<double>(clipped_magnitude(values[i]));
  }
  return {.sum = simd::add_lanes(lanes), .maximum = maximum};
}

KDQAT_MULTIVERSION
AboveThreshold sum_above(const float* values, std::int64_t count, float threshold) {
  std::array<double, simd::kLanes> sums{};
  std::array<std::int32_t, simd::kLanes> counts{};
  std::int64_t i = 0;
  for (; i + simd::kLanes <= count; i += simd::kLanes) {
    for (std::int64_t lane = 0; lane < simd::kLanes; ++lane) {
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
  return {.sum = simd::add_lanes(sums), .count = simd::add_lanes(counts)};
}

/// Values in rows that may lie apart.
struct Rows {
  const float* values = nullptr;
  std::int64_t count = 1;
  std::int64_t size = 0;
  std::int64_t stride = 0;
};

/// The largest clipped magnitude.
KDQAT_MULTIVERSION
float max_magnitude(const Rows& rows) {
  // Two vectors at a time: a maximum waits for the one before it.
  simd::FloatLanes first = {};
  simd::FloatLanes second = {};
  float result = 0.0F;
  for (std::int64_t row = 0; row < rows.count; ++row) {
    const float* values = rows.values + row * rows.stride;
    std::int64_t i = 0;
    for (; i + 2 * simd::kLanes <= rows.size; i += 2 * simd::kLanes) {
      first = larger_of(first, magnitudes_of(values + i));
      second = larger_of(second, magnitudes_of(values + i + simd::kLanes));
    }
    if (i + simd::kLanes <= rows.size) {
      first = larger_of(first, magnitudes_of(values + i));
      i += simd::kLanes;
    }
    for (; i < rows.size; ++i) result = std::max(result, std::fabs(values[i]));
  }
  const float largest = simd::max_of_lanes(simd::array_of<float>(larger_of(first, second)));
  result = result > largest ? result : largest;
  return result < kClip ? result : kClip;
}

KDQAT_MULTIVERSION
void ternary_codes(const float* values, std::int64_t count, float threshold, std::int8_t* codes) {
  for (std::int64_t i = 0; i < count; ++i) {
    const int positive = values[i] > threshold ? 1 : 0;
    const int negative = values[i] < -threshold ? 1 : 0;
    codes[i] = static_cast<std::int8_t>(positive - negative);
  }
}

// std::max gives its first argument where the other is NaN, which no integer stands for: NaN gets the lowest
// code.
KDQAT_MULTIVERSION
void uniform_codes(const float* values, std::int64_t count, float range, float step, float largest,
                   std::int8_t* codes) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float clamped = std::min(std::max(-range, values[i]), range);
    const float code = std::min(std::max(-largest, round_half_even(clamped / step)), largest);
    codes[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(code));
  }
}

KDQAT_MULTIVERSION
void symmetric_codes(const float* values, std::int64_t count, float multiplier, std::int8_t* codes) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float clamped = std::min(std::max(-kClip, values[i]), kClip);
    codes[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(round_half_even(clamped * multiplier)));
  }
}

/// What the codes stand for; rows of `out` lie as those of the values.
KDQAT_MULTIVERSION
void symmetric_values(const Rows& rows, SymmetricGrid grid, float* out) {
  for (std::int64_t row = 0; row < rows.count; ++row) {
    const float* values = rows.values + row * rows.stride;
    float* line = out + row * rows.stride;
    for (std::int64_t i = 0; i < rows.size; ++i) {
      const float clamped = std::min(std::max(values[i], -kClip), kClip);
      line[i] = round_half_even(clamped * grid.multiplier) * grid.scale;
    }
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

/// Mean of the clipped magnitudes, and whether any is clipped.
struct MeanMagnitude {
  double mean = 0.0;
  bool clips = false;
};

MeanMagnitude mean_magnitude(const float* values, std::int64_t count) {
  const Magnitudes all = simd::sum_of_blocks<Magnitudes>(count, [&](std::int64_t first, std::int64_t last) {
    return sum_magnitudes(values + first, last - first);
  });
  return {.mean = all.sum / static_cast<double>(count), .clips = all.maximum >= kClip};
}

AboveThreshold above_threshold(const float* values, std::int64_t count, float threshold) {
  return simd::sum_of_blocks<AboveThreshold>(count, [&](std::int64_t first, std::int64_t last) {
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

/// Scale of a group, and whether any of its values reaches the clip.
struct GroupResult {
  float scale = 0.0F;
  bool clips = false;
};

/// scales[group] = quantize(group) for all groups, which run in parallel where there are several; gives
/// whether any value reaches the clip.
template <typename Quantize>
bool quantize_groups(Groups groups, float* scales, const Quantize& quantize) {
  std::atomic<bool> clips = false;
  for_groups(groups, [&](std::int64_t group) {
    const GroupResult result = quantize(group);
    scales[group] = result.scale;
    if (result.clips) clips = true;
  });
  return clips;
}

GroupResult ternarize_group(const float* weights, std::int64_t size, std::int8_t* codes) {
  const auto [mean, clips] = mean_magnitude(weights, size);
  const auto threshold = static_cast<float>(0.7 * mean);
  const AboveThreshold kept = above_threshold(weights, size, threshold);
  for_pieces(size, [&](std::int64_t offset, std::int64_t count) {
    ternary_codes(weights + offset, count, threshold, codes + offset);
  });
  const double scale = kept.count == 0 ? 0.0 : kept.sum / static_cast<double>(kept.count);
  return {.scale = static_cast<float>(scale), .clips = clips};
}

GroupResult twn_uniform_group(const float* weights, std::int64_t size, int bits, std::int8_t* codes) {
  const auto [exact_mean, clips] = mean_magnitude(weights, size);
  const auto mean = static_cast<float>(exact_mean);
  const AboveThreshold kept = above_threshold(weights, size, mean);
  const float range = kept.count == 0 ? mean : static_cast<float>(kept.sum / static_cast<double>(kept.count));
  if (range < kSmallestRange) {
    std::fill(codes, codes + size, std::int8_t{0});
    return {.scale = 0.0F, .clips = clips};
  }
  const float step = 2.0F * range / static_cast<float>((1 << bits) - 1);
  const auto largest = static_cast<float>((1 << (bits - 1)) - 1);
  for_pieces(size, [&](std::int64_t offset, std::int64_t count) {
    uniform_codes(weights + offset, count, range, step, largest, codes + offset);
  });
  return {.scale = step, .clips = clips};
}

float max_magnitude_parallel(const float* values, std::int64_t count) {
  struct Maximum {
    float value = 0.0F;
    Maximum& operator+=(const Maximum& other) {
      value = std::max(value, other.value);
      return *this;
    }
  };
  return simd::sum_of_blocks<Maximum>(
             count,
             [&](std::int64_t first, std::int64_t last) {
               return Maximum{max_magnitude({.values = values + first, .size = last - first})};
             })
      .value;
}

GroupResult symmetric_group(const float* values, std::int64_t size, std::int8_t* codes) {
  const float maximum = max_magnitude_parallel(values, size);
  const SymmetricGrid grid = symmetric_grid(maximum);
  for_pieces(size, [&](std::int64_t offset, std::int64_t count) {
    symmetric_codes(values + offset, count, grid.multiplier, codes + offset);
  });
  return {.scale = grid.scale, .clips = maximum >= kClip};
}

/// quantize_symmetric of groups that compute(start, values) writes, one at a time: the group from element
/// `start` on.
template <typename Compute>
bool quantize_computed_groups(Groups groups, std::int8_t* codes, float* scales, const Compute& compute) {
  return quantize_groups(groups, scales, [&](std::int64_t group) {
    thread_local std::vector<float> values;
    values.resize(static_cast<std::size_t>(groups.size));
    compute(group * groups.size, values.data());
    return symmetric_group(values.data(), groups.size, codes + group * groups.size);
  });
}

}  // namespace

bool quantize_ternary(const float* weights, Groups groups, std::int8_t* codes, float* scales) {
  return quantize_groups(groups, scales, [&](std::int64_t group) {
    return ternarize_group(weights + group * groups.size, groups.size, codes + group * groups.size);
  });
}

bool quantize_twn_uniform(const float* weights, Groups groups, int bits, std::int8_t* codes, float* scales) {
  return quantize_groups(groups, scales, [&](std::int64_t group) {
    return twn_uniform_group(weights + group * groups.size, groups.size, bits, codes + group * groups.size);
  });
}

bool quantize_symmetric(const float* values, Groups groups, std::int8_t* codes, float* scales) {
  return quantize_groups(groups, scales, [&](std::int64_t group) {
    return symmetric_group(values + group * groups.size, groups.size, codes + group * groups.size);
  });
}

bool activate_quantize_symmetric(Activation activation, const float* values, Groups groups,
                                 std::int8_t* codes, float* scales) {
  return quantize_computed_groups(groups, codes, scales, [&](std::int64_t start, float* activated) {
    activate(activation, values + start, groups.size, activated);
  });
}

bool activate_gated_quantize_symmetric(Activation activation, const GatedInput& x, Groups groups,
                                       std::int8_t* codes, float* scales) {
  return quantize_computed_groups(groups, codes, scales, [&](std::int64_t start, float* activated) {
    activate_gated(activation, {.input = x.input + start, .gate = x.gate + start}, groups.size, activated);
  });
}

bool fake_quantize_symmetric(const float* values, std::int64_t rows, std::int64_t size, std::int64_t stride,
                             float* out) {
  const float maximum = max_magnitude({.values = values, .count = rows, .size = size, .stride = stride});
  const SymmetricGrid grid = symmetric_grid(maximum);
  symmetric_values({.values = values, .count = rows, .size = size, .stride = stride}, grid, out);
  return maximum >= kClip;
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
  for_pieces(count, [&](std::int64_t offset, std::int64_t size) {
    zero_clipped(values + offset, size, gradient + offset);
  });
}

}  // namespace kdqat::kernels
