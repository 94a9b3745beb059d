#pragma once

#include <cstdint>

namespace kdqat::kernels {

/// Names one use of dropout: the same place in the same update of the same run draws the same mask again.
struct DropoutPlace {
  std::uint64_t seed = 0;
  std::uint64_t update = 0;
  std::uint64_t site = 0;  ///< which use within the forward pass
};

/// A drawn mask: an element is kept, and multiplied with `factor`, where `keep` is 1; it is 0 where `keep` is
/// 0.
struct Dropout {
  const std::uint8_t* keep = nullptr;  ///< nullptr: no dropout
  float factor = 1.0F;                 ///< 1 / (1 - probability)
};

/// keep[i] = 0 with the given probability (rounded to a multiple of 2^-16), else 1; uint8 [count]. Element i
/// depends on place and i alone (base::philox), not on threads. 0 <= probability < 1.
void fill_dropout_mask(const DropoutPlace& place, double probability, std::int64_t count, std::uint8_t* keep);

/// out = values where they are kept, times the factor, else 0; float32 [count], under the mask's elements
/// from `first` on. The mask is not nullptr; out may be values. In the calling thread.
void apply_dropout(const Dropout& dropout, std::int64_t first, const float* values, std::int64_t count,
                   float* out);

/// out = dropout(x) + residual, float32 [count]; the sum of a residual stream. out may be x or residual.
void add_dropout(const Dropout& dropout, const float* x, const float* residual, std::int64_t count,
                 float* out);

/// Backward of add_dropout with respect to x, float32 [count]; that of the residual is grad_output itself.
/// x_gradient may be grad_output.
void add_dropout_backward(const Dropout& dropout, const float* grad_output, std::int64_t count,
                          float* x_gradient);

}  // namespace kdqat::kernels
