#include "kdqat/kernels/activation.h"

#include <algorithm>
#include <cmath>

#include "kdqat/base/parallel.h"
#include "kdqat/simd/multiversion.h"
#include "kdqat/simd/prefetch.h"
#include "kdqat/simd/vector_math.h"

namespace kdqat::kernels {
namespace {

constexpr std::int64_t kActivationGrain = 8192;

/// f(x) and f'(x).
struct ValueAndSlope {
  float value;
  float slope;
};

struct Gelu {
  static float value(float x) { return x * simd::normal_distribution(x); }
  static ValueAndSlope value_and_slope(float x) {
    constexpr float kInverseRootOf2Pi = 0.398942280F;
    const float distribution = simd::normal_distribution(x);
    const float density = kInverseRootOf2Pi * simd::exp_nonpositive(-0.5F * x * x);
    return {.value = x * distribution, .slope = distribution + x * density};
  }
};

/// 0.5 (1 + tanh(u)) = sigmoid(2 u), which is exact where 1 + tanh(u) cancels.
struct GeluTanh {
  static constexpr float kTwiceRootOf2OverPi = 1.59576912F;
  static constexpr float kCubic = 0.044715F;

  // From 16 on sigmoid is 0 or 1 in float32; the cube of larger values would overflow.
  static float bounded(float x) { return std::min(std::max(x, -16.0F), 16.0F); }
  static simd::Sigmoid gate(float x) { return simd::sigmoid(kTwiceRootOf2OverPi * (x + kCubic * x * x * x)); }
  static float value(float x) { return x * gate(bounded(x)).value; }
  static ValueAndSlope value_and_slope(float x) {
    const float near = bounded(x);
    const simd::Sigmoid s = gate(near);
    const float inner = kTwiceRootOf2OverPi * (1.0F + 3.0F * kCubic * near * near);
    return {.value = x * s.value, .slope = s.value + near * inner * s.value * s.complement};
  }
};

struct Relu {
  static float value(float x) { return x < 0.0F ? 0.0F : x; }
  static ValueAndSlope value_and_slope(float x) {
    return {.value = value(x), .slope = x > 0.0F ? 1.0F : 0.0F};
  }
};

struct Silu {
  static float value(float x) { return x * simd::sigmoid(x).value; }
  static ValueAndSlope value_and_slope(float x) {
    const simd::Sigmoid s = simd::sigmoid(x);
    return {.value = x * s.value, .slope = s.value + x * s.complement * s.value};
  }
};

struct Tanh {
  static float value(float x) { return simd::hyperbolic_tangent(x); }
  static ValueAndSlope value_and_slope(float x) {
    const simd::Sigmoid s = simd::sigmoid(2.0F * x);
    return {.value = value(x), .slope = 4.0F * s.value * s.complement};
  }
};

/// body(function) with the type of `activation`. Inlined by force, so that it is compiled for the instruction
/// set of its caller; the body too has to be.
template <typename Body>
__attribute__((always_inline)) inline void with_function(Activation activation, const Body& body) {
  switch (activation) {
    case Activation::kGelu:
      return body(Gelu{});
    case Activation::kGeluTanh:
      return body(GeluTanh{});
    case Activation::kRelu:
      return body(Relu{});
    case Activation::kSilu:
      return body(Silu{});
    case Activation::kTanh:
      return body(Tanh{});
  }
}

// The loops say "ivdep" because an output may be an input, element by element, and overlaps none otherwise.

KDQAT_MULTIVERSION
void apply(Activation activation, const float* x, std::int64_t count, float* out) {
  with_function(
      activation, [&](auto function) __attribute__((always_inline)) {
#pragma GCC ivdep
        for (std::int64_t i = 0; i < count; ++i) out[i] = function.value(x[i]);
      });
}

KDQAT_MULTIVERSION
void apply_backward(Activation activation, const float* x, std::int64_t count, float clip, float* gradient) {
  with_function(
      activation, [&](auto function) __attribute__((always_inline)) {
#pragma GCC ivdep
        for (std::int64_t i = 0; i < count; ++i) {
          const ValueAndSlope f = function.value_and_slope(x[i]);
          gradient[i] = std::fabs(f.value) < clip ? gradient[i] * f.slope : 0.0F;
        }
      });
}

KDQAT_MULTIVERSION
void apply_gated(Activation activation, const float* input, const float* gate, std::int64_t count,
                 float* out) {
  with_function(
      activation, [&](auto function) __attribute__((always_inline)) {
#pragma GCC ivdep
        for (std::int64_t i = 0; i < count; ++i) out[i] = function.value(input[i]) * gate[i];
      });
}

/// Some values of a gated backward pass.
struct GatedBackward {
  const float* input;
  const float* gate;
  const float* grad_output;
  float clip;
  float* input_gradient;
  float* gate_gradient;
};

KDQAT_MULTIVERSION
void apply_gated_backward(Activation activation, const GatedBackward& values, std::int64_t count) {
  const GatedBackward at = values;  // in registers
  with_function(
      activation, [&](auto function) __attribute__((always_inline)) {
#pragma GCC ivdep
        for (std::int64_t i = 0; i < count; ++i) {
          const ValueAndSlope f = function.value_and_slope(at.input[i]);
          const float gate = at.gate[i];
          const float gradient = std::fabs(f.value * gate) < at.clip ? at.grad_output[i] : 0.0F;
          at.input_gradient[i] = gradient * gate * f.slope;
          at.gate_gradient[i] = gradient * f.value;
        }
      });
}

}  // namespace

void activate(Activation activation, const float* x, std::int64_t count, float* out) {
  base::parallel_for(0, count, kActivationGrain, [&](std::int64_t first, std::int64_t last) {
    apply(activation, x + first, last - first, out + first);
  });
}

void activate_backward(Activation activation, const float* x, std::int64_t count, float clip,
                       float* gradient) {
  base::parallel_for(0, count, kActivationGrain, [&](std::int64_t first, std::int64_t last) {
    simd::for_blocks_ahead(x + first, last - first, [&](std::int64_t i, std::int64_t size) {
      apply_backward(activation, x + first + i, size, clip, gradient + first + i);
    });
  });
}

void activate_gated(Activation activation, const GatedInput& x, std::int64_t count, float* out) {
  base::parallel_for(0, count, kActivationGrain, [&](std::int64_t first, std::int64_t last) {
    apply_gated(activation, x.input + first, x.gate + first, last - first, out + first);
  });
}

void activate_gated_backward(Activation activation, const GatedInput& x, std::int64_t count, float clip,
                             const float* grad_output, const GatedGradients& gradients) {
  base::parallel_for(0, count, kActivationGrain, [&](std::int64_t first, std::int64_t last) {
    simd::for_blocks_ahead(x.input + first, last - first, [&](std::int64_t offset, std::int64_t size) {
      const std::int64_t i = first + offset;
      apply_gated_backward(activation,
                           {.input = x.input + i,
                            .gate = x.gate + i,
                            .grad_output = grad_output + i,
                            .clip = clip,
                            .input_gradient = gradients.input + i,
                            .gate_gradient = gradients.gate + i},
                           size);
    });
  });
}

}  // namespace kdqat::kernels
