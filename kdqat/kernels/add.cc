#include "kdqat/kernels/add.h"

#include "kdqat/base/parallel.h"
#include "kdqat/simd/multiversion.h"

namespace kdqat::kernels {
namespace {

constexpr std::int64_t kGrain = 65536;

KDQAT_MULTIVERSION
void add_values(const float* values, std::int64_t count, float* sum) {
  for (std::int64_t i = 0; i < count; ++i) sum[i] += values[i];
}

}  // namespace

void add(const float* values, std::int64_t count, float* sum) {
  base::parallel_for(0, count, kGrain, [&](std::int64_t first, std::int64_t last) {
    add_values(values + first, last - first, sum + first);
  });
}

}  // namespace kdqat::kernels
