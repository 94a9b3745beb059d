#pragma once

#include <cstdint>
#include <vector>

#include "kdqat/base/random.h"

namespace kdqat::kernels {

/// The largest magnitude of a weight's code.
constexpr int magnitude_of(int bits) { return bits == 2 ? 1 : (1 << (bits - 1)) - 1; }

/// Uniform on -magnitude .. magnitude, the same on every machine.
inline std::vector<std::int8_t> random_codes(std::uint64_t seed, std::int64_t count, int magnitude) {
  base::Random random(seed);
  std::vector<std::int8_t> codes(static_cast<std::size_t>(count));
  for (std::int8_t& code : codes) {
    code = static_cast<std::int8_t>(
        static_cast<int>(random.below(static_cast<std::uint64_t>(2 * magnitude + 1))) - magnitude);
  }
  return codes;
}

}  // namespace kdqat::kernels
