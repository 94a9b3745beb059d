#include "kdqat/kernels/float_linear.h"

#include <algorithm>

#include "kdqat/base/parallel.h"
#include "kdqat/simd/reduce.h"

namespace kdqat::kernels {

void multiply_float(const FloatLinearShape& shape, const FloatLinearParameters& parameters, const float* x,
                    float* out) {
  constexpr std::int64_t kRowGrain = 8;
  base::parallel_for(0, shape.rows, kRowGrain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const float* values = x + row * shape.inputs;
      for (std::int64_t n = 0; n < shape.outputs; ++n) {
        const float* weight = parameters.weight + n * shape.inputs;
        const float sum = simd::sum_of_vectors<float>(shape.inputs, [&](const auto& load, std::int64_t i) {
          return load(values + i) * load(weight + i);
        });
        out[row * shape.outputs + n] = sum + parameters.bias[n];
      }
    }
  });
}

void mean_of_sequences(std::span<const std::int64_t> cu_seqlens, std::int64_t width, const float* values,
                       float* means) {
  for (std::size_t b = 0; b + 1 < cu_seqlens.size(); ++b, means += width) {
    std::fill_n(means, width, 0.0F);
    for (std::int64_t t = cu_seqlens[b]; t < cu_seqlens[b + 1]; ++t) {
      const float* row = values + t * width;
      for (std::int64_t i = 0; i < width; ++i) means[i] += row[i];
    }
    const auto count = static_cast<float>(cu_seqlens[b + 1] - cu_seqlens[b]);
    for (std::int64_t i = 0; i < width; ++i) means[i] /= count;
  }
}

}  // namespace kdqat::kernels
