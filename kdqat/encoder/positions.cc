#include "kdqat/encoder/positions.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace kdqat::encoder {

// The logarithms are in float, as Hugging Face computes them: at the edge of a bucket another precision could
// give another row.

std::int64_t relative_bucket(const RelativeBias& bias, std::int64_t distance) {
  const std::int64_t half = bias.buckets / 2;
  const std::int64_t exact = half / 2;
  const std::int64_t side = distance > 0 ? half : 0;
  const std::int64_t size = std::abs(distance);
  if (size < exact) return side + size;
  const float ratio =
      std::log(static_cast<float>(size) / static_cast<float>(exact)) /
      static_cast<float>(std::log(static_cast<double>(bias.max_distance) / static_cast<double>(exact)));
  const auto farther = static_cast<std::int64_t>(ratio * static_cast<float>(half - exact));
  return side + std::min(half - 1, exact + farther);
}

std::int64_t relative_row(const DisentangledAttention& attention, std::int64_t distance) {
  std::int64_t bucket = distance;
  if (attention.position_buckets > 0) {
    const std::int64_t middle = attention.position_buckets / 2;
    const std::int64_t size = std::abs(distance);
    if (size > middle) {
      const auto mid = static_cast<float>(middle);
      const auto last = static_cast<float>(static_cast<double>(attention.max_relative_positions - 1) /
                                           static_cast<double>(middle));
      const float scaled =
          std::log(static_cast<float>(size) / mid) / std::log(last) * static_cast<float>(middle - 1);
      bucket = static_cast<std::int64_t>(std::ceil(scaled)) + middle;
      if (distance < 0) bucket = -bucket;
    }
  }
  const std::int64_t span = attention.span();
  return std::clamp<std::int64_t>(bucket + span, 0, 2 * span - 1);
}

}  // namespace kdqat::encoder
