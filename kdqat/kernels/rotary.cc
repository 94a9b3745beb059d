#include "kdqat/kernels/rotary.h"

#include <algorithm>
#include <cmath>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"
#include "kdqat/simd/lanes.h"
#include "kdqat/simd/multiversion.h"

namespace kdqat::kernels {
namespace {

/// Tokens that are worth a thread.
constexpr std::int64_t kTokenGrain = 32;

/// A token's angles; the sines are multiplied with `direction`, 1 or -1.
struct Angles {
  const float* cosines;
  const float* sines;
  float direction;
};

KDQAT_MULTIVERSION
void rotate_token(const Angles& angles, std::int64_t heads, std::int64_t half, float* values) {
  const Angles by = angles;  // in registers
  for (std::int64_t head = 0; head < heads; ++head) {
    float* first = values + head * 2 * half;
    float* second = first + half;
    simd::for_lanes(
        half, [&](const auto& lanes, std::int64_t i) __attribute__((always_inline)) {
          const auto cosine = lanes.load(by.cosines + i);
          const auto sine = lanes.load(by.sines + i) * by.direction;
          const auto x = lanes.load(first + i);
          const auto y = lanes.load(second + i);
          lanes.store(x * cosine - y * sine, first + i);
          lanes.store(y * cosine + x * sine, second + i);
        });
  }
}

void rotate(const RotaryTable& table, const AttentionShape& shape, float direction, float* values) {
  if (table.head_size() != shape.head_size) {
    throw base::InvalidArgument(
        base::concat("rotary table: expected heads of ", table.head_size(), ", found ", shape.head_size));
  }
  for (std::int64_t b = 0; b < shape.sentences(); ++b) {
    if (shape.length(b) > table.max_positions()) {
      throw base::InvalidArgument(base::concat("sequence ", b, ": expected at most ", table.max_positions(),
                                               " tokens, found ", shape.length(b)));
    }
  }
  base::parallel_for(0, shape.tokens(), kTokenGrain, [&](std::int64_t first, std::int64_t last) {
    auto end = std::upper_bound(shape.cu_seqlens.begin(), shape.cu_seqlens.end(), first);
    for (std::int64_t token = first; token < last; ++token) {
      while (token == *end) ++end;
      const std::int64_t position = token - *(end - 1);
      rotate_token(
          {.cosines = table.cosines(position), .sines = table.sines(position), .direction = direction},
          shape.heads, shape.head_size / 2, values + token * shape.heads * shape.head_size);
    }
  });
}

}  // namespace

RotaryTable::RotaryTable(double theta, std::int64_t head_size, std::int64_t max_positions)
    : head_size_(head_size), max_positions_(max_positions) {
  if (!(theta > 0.0)) throw base::InvalidArgument(base::concat("rotary theta: expected > 0, found ", theta));
  if (head_size < 2 || head_size % 2 != 0) {
    throw base::InvalidArgument(
        base::concat("rotary head size: expected an even number above 0, found ", head_size));
  }
  if (max_positions < 1) {
    throw base::InvalidArgument(base::concat("rotary positions: expected at least 1, found ", max_positions));
  }
  for (std::int64_t position = 0; position < max_positions; ++position) {
    for (std::int64_t i = 0; i < head_size / 2; ++i) {
      const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_size);
      const auto base = static_cast<double>(static_cast<float>(theta));
      const float frequency = 1.0F / static_cast<float>(std::pow(base, static_cast<double>(exponent)));
      const auto angle = static_cast<double>(static_cast<float>(position) * frequency);
      cosines_.push_back(static_cast<float>(std::cos(angle)));
      sines_.push_back(static_cast<float>(std::sin(angle)));
    }
  }
}

void rotate_heads(const RotaryTable& table, const AttentionShape& shape, float* values) {
  rotate(table, shape, 1.0F, values);
}

void rotate_heads_backward(const RotaryTable& table, const AttentionShape& shape, float* gradient) {
  rotate(table, shape, -1.0F, gradient);
}

}  // namespace kdqat::kernels
