#include "kdqat/simd/bf16.h"

#include "kdqat/base/parallel.h"
#include "kdqat/simd/multiversion.h"

namespace kdqat::simd {
namespace {

KDQAT_MULTIVERSION
void round_to_bf16(const float* values, std::int64_t count, std::uint16_t* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = bf16_bits(values[i]);
}

constexpr std::int64_t kConvertGrain = 65536;

}  // namespace

void convert_to_bf16(const float* values, std::int64_t count, std::uint16_t* out) {
  base::parallel_for(0, count, kConvertGrain, [&](std::int64_t first, std::int64_t last) {
    round_to_bf16(values + first, last - first, out + first);
  });
}

}  // namespace kdqat::simd
