#pragma once

#include <cstdint>

#include "kdqat/kernels/activation.h"

namespace kdqat::kernels {

/// Magnitudes are clamped to this before anything else is computed from them; no gradient from there on.
inline constexpr float kClip = 2.5F;

/// Quantizers of recipe: the one definition of codes and scales that training, packing and the runtime share.
/// Each works on matrices of `groups` rows that have a scale each: [1, count] for one scale a tensor, [rows,
/// cols] for one scale a row. value = code * scale; a group of zeros has scale 0 and codes 0. Sums run over
/// blocks of fixed size in double, so that codes and scales do not depend on the thread count or the
/// instruction set. Inputs must be finite. No function throws. What is
/// returned is whether any magnitude reaches kClip, where gradients end.
struct Groups {
  std::int64_t count = 0;  ///< number of groups
  std::int64_t size = 0;   ///< elements a group, contiguous
};

/// Ternary Weight Networks (Li & Liu, 2016, arXiv:1605.04711), over the clamped weights of a group:
///   threshold = 0.7 mean(|w|); code = sign(w) if |w| > threshold, else 0; scale = mean(|w|) over codes that
///   are not 0.
/// weights float32 [groups.count, groups.size]; codes int8 of the same shape; scales float32 [groups.count].
bool quantize_ternary(const float* weights, Groups groups, std::int8_t* codes, float* scales);

/// The uniform grid over the range that TWN keeps, bits = 4 or 8 (TernaryBERT's reference implementation):
///   m = mean(|w|); c = mean(|w|) over |w| > m (m if none exceeds it); scale = 2 c / (2^bits - 1);
///   code = round(clamp(w, -c, c) / scale), half to even, then clamped to +-(2^(bits-1) - 1).
/// A group with c below 1e-36, where floats lose their precision, counts as zeros.
bool quantize_twn_uniform(const float* weights, Groups groups, int bits, std::int8_t* codes, float* scales);

/// Symmetric min-max, 8 bits: code = round(x * 127 / max|x|), half to even; scale = max|x| / 127. A group
/// with max|x| below 1e-36 counts as zeros.
bool quantize_symmetric(const float* values, Groups groups, std::int8_t* codes, float* scales);

/// quantize_symmetric of activate(activation, values), to the bit, a group in the cache at a time; returns
/// whether an activated value reaches kClip.
bool activate_quantize_symmetric(Activation activation, const float* values, Groups groups,
                                 std::int8_t* codes, float* scales);

/// quantize_symmetric of activate_gated(activation, x), to the bit; the halves of x are [groups.count,
/// groups.size] each.
bool activate_gated_quantize_symmetric(Activation activation, const GatedInput& x, Groups groups,
                                       std::int8_t* codes, float* scales);

inline bool gelu_quantize_symmetric(const float* values, Groups groups, std::int8_t* codes, float* scales) {
  return activate_quantize_symmetric(Activation::kGelu, values, groups, codes, scales);
}

/// The values that codes of quantize_symmetric stand for, for a group that lies apart: row r of `rows` holds
/// `size` values from values + r * stride, and those of `out` lie alike; all rows share one scale. out may be
/// values.
bool fake_quantize_symmetric(const float* values, std::int64_t rows, std::int64_t size, std::int64_t stride,
                             float* out);

/// Asymmetric min-max, 8 bits: the values that stand for `values`, float32 of the same shape:
///   (round((x - min) / (max - min + 1e-8) * 255) / 255) (max - min + 1e-8) + min.
void fake_quantize_asymmetric(const float* values, Groups groups, float* out);

/// out = codes * scales, a scale a group.
void dequantize(const std::int8_t* codes, const float* scales, Groups groups, float* out);

/// gradient[i] = 0 where |values[i]| >= kClip: the straight-through estimator's rule.
void mask_clipped(const float* values, std::int64_t count, float* gradient);

}  // namespace kdqat::kernels
