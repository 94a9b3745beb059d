#include "kdqat/kernels/dropout.h"

#include <algorithm>
#include <cmath>

#include "kdqat/base/parallel.h"
#include "kdqat/base/random.h"

namespace kdqat::kernels {

void fill_dropout_mask(const DropoutPlace& place, double probability, std::int64_t count, float* mask) {
  constexpr std::int64_t kDraws = 8;  // 16 bits each of the generator's 128
  const auto threshold = static_cast<std::uint32_t>(std::lround(probability * 65536.0));
  const auto kept = static_cast<float>(1.0 / (1.0 - probability));
  base::parallel_for(0, (count + kDraws - 1) / kDraws, 1024, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t group = first; group < last; ++group) {
      const auto words =
          base::philox(place.seed, static_cast<std::uint64_t>(group), place.update << 16 | place.site);
      const std::int64_t start = group * kDraws;
      const std::int64_t size = std::min(kDraws, count - start);
      for (std::int64_t i = 0; i < size; ++i) {
        const std::uint32_t draw = words[static_cast<std::size_t>(i / 2)] >> (16 * (i % 2)) & 0xFFFF;
        mask[start + i] = draw < threshold ? 0.0F : kept;
      }
    }
  });
}

}  // namespace kdqat::kernels
