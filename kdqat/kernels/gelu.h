#pragma once

#include <cstdint>

namespace kdqat::kernels {

/// out = x Phi(x), Phi the normal distribution (Hendrycks & Gimpel, 2016, arXiv:1606.08415), exact up to 3e-7
/// of |x|; float32 [count]. out may be x.
void gelu_forward(const float* x, std::int64_t count, float* out);

/// gradient *= Phi(x) + x phi(x), in place; 0 instead where |gelu(x)| reaches `clip` (infinity: nowhere).
void gelu_backward(const float* x, std::int64_t count, float clip, float* gradient);

}  // namespace kdqat::kernels
