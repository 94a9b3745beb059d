#include "kdqat/kernels/gelu.h"

#include <cmath>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/multiversion.h"
#include "kdqat/kernels/prefetch.h"
#include "kdqat/kernels/vector_math.h"

namespace kdqat::kernels {
namespace {

constexpr std::int64_t kGeluGrain = 8192;

KDQAT_MULTIVERSION
void activate(const float* x, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = x[i] * normal_distribution(x[i]);
}

KDQAT_MULTIVERSION
void activate_backward(const float* x, std::int64_t count, float clip, float* gradient) {
  constexpr float kInverseRootOf2Pi = 0.398942280F;
  for (std::int64_t i = 0; i < count; ++i) {
    const float distribution = normal_distribution(x[i]);
    const float density = kInverseRootOf2Pi * exp_nonpositive(-0.5F * x[i] * x[i]);
    const float slope = distribution + x[i] * density;
    gradient[i] = std::fabs(x[i] * distribution) < clip ? gradient[i] * slope : 0.0F;
  }
}

}  // namespace

void gelu_forward(const float* x, std::int64_t count, float* out) {
  base::parallel_for(0, count, kGeluGrain, [&](std::int64_t first, std::int64_t last) {
    activate(x + first, last - first, out + first);
  });
}

void gelu_backward(const float* x, std::int64_t count, float clip, float* gradient) {
  base::parallel_for(0, count, kGeluGrain, [&](std::int64_t first, std::int64_t last) {
    for_blocks_ahead(x + first, last - first, [&](std::int64_t i, std::int64_t size) {
      activate_backward(x + first + i, size, clip, gradient + first + i);
    });
  });
}

}  // namespace kdqat::kernels
