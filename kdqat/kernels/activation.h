#pragma once

#include <cstdint>

namespace kdqat::kernels {

/// Activation functions of encoders and their derivatives, on float32 [count].
///
///   activate(Activation::kSilu, x, count, x);                             // x = silu(x), in place
///   activate_backward(Activation::kSilu, x, count, clip, gradient);       // gradient *= silu'(x)
///   activate_gated(Activation::kGelu, input, gate, count, out);           // out = gelu(input) * gate
///
/// The same bits on every instruction set and for every number of threads. For finite inputs; no function
/// throws. See kernels/quantize.h for the forms whose result is quantized at once.
enum class Activation {
  kGelu,  ///< x Phi(x), Phi the normal distribution (Hendrycks & Gimpel, 2016, arXiv:1606.08415), exact up
          ///< to 3e-7 of |x|; Hugging Face's gelu and gelu_python
  kGeluTanh,  ///< 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), computed as x sigmoid(...); gelu_new,
              ///< gelu_fast and gelu_pytorch_tanh
  kRelu,      ///< x where x > 0, else 0
  kSilu,      ///< x sigmoid(x)
  kTanh,      ///< for heads: poolers and classifiers
};

/// out = f(x). out may be x.
void activate(Activation activation, const float* x, std::int64_t count, float* out);

/// gradient *= f'(x), in place; 0 instead where |f(x)| reaches `clip` (infinity: nowhere).
void activate_backward(Activation activation, const float* x, std::int64_t count, float clip,
                       float* gradient);

/// Both halves of a gated linear unit (Shazeer, 2020, arXiv:2002.05202), float32 [count] each.
struct GatedInput {
  const float* input = nullptr;  ///< goes through f
  const float* gate = nullptr;   ///< multiplies the result
};

/// out = f(input) * gate. out may be input or gate.
void activate_gated(Activation activation, const GatedInput& x, std::int64_t count, float* out);

/// Gradients with respect to both halves, float32 [count], written in full. Each may be the grad_output that
/// they are computed from; they may not be each other.
struct GatedGradients {
  float* input = nullptr;
  float* gate = nullptr;
};

/// gradients.input = grad_output * gate * f'(input), gradients.gate = grad_output * f(input); both 0 where
/// |f(input) * gate| reaches `clip` (infinity: nowhere).
void activate_gated_backward(Activation activation, const GatedInput& x, std::int64_t count, float clip,
                             const float* grad_output, const GatedGradients& gradients);

}  // namespace kdqat::kernels
