#pragma once

#include <cstdint>
#include <span>

/// What stays in floating point around quantized linears, in sums of one order, so that training and the
/// packed model compute the same bits:
///
///   multiply_float({.rows = sequences, .inputs = 768, .outputs = 2}, {.weight = w, .bias = b}, pooled,
///   logits);
namespace kdqat::kernels {

struct FloatLinearShape {
  std::int64_t rows = 0;
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
};

struct FloatLinearParameters {
  const float* weight = nullptr;  ///< [outputs, inputs]
  const float* bias = nullptr;    ///< [outputs]
};

/// out = x weight^T + bias, float32 [rows, outputs]; each element is one sum over the inputs. For few outputs
/// or inputs: it reads the weight anew for each row.
void multiply_float(const FloatLinearShape& shape, const FloatLinearParameters& parameters, const float* x,
                    float* out);

/// means [B, width]: the mean of the rows cu_seqlens[b] .. cu_seqlens[b + 1] - 1 of values [T, width], added
/// in their order.
void mean_of_sequences(std::span<const std::int64_t> cu_seqlens, std::int64_t width, const float* values,
                       float* means);

}  // namespace kdqat::kernels
