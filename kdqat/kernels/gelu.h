#pragma once

#include <cstdint>

#include "kdqat/kernels/activation.h"

namespace kdqat::kernels {

/// activate and activate_backward of Activation::kGelu.
inline void gelu_forward(const float* x, std::int64_t count, float* out) {
  activate(Activation::kGelu, x, count, out);
}

inline void gelu_backward(const float* x, std::int64_t count, float clip, float* gradient) {
  activate_backward(Activation::kGelu, x, count, clip, gradient);
}

}  // namespace kdqat::kernels
