#pragma once

#include <cstdint>

#include "kdqat/kernels/gemm/bf16_panels.h"
#include "kdqat/kernels/gemm/block.h"
#include "kdqat/simd/instruction_set.h"

namespace kdqat::kernels {

/// y = x w^T + bias: x bfloat16 [rows, cols], w as pack_bf16_panels gives it for [outputs, cols].
struct Bf16Product {
  const std::uint16_t* x = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const std::uint16_t* panels = nullptr;
  std::int64_t outputs = 0;
  const float* bias = nullptr;  ///< [outputs]; nullptr: none
  bool accumulate = false;      ///< out += instead of out =
};

/// out float32 [rows, outputs]. Two products are added at a time, from the first column on, in float32 (AMX
/// adds each tile of 32 columns to the tiles before it): an element depends neither on the other rows nor on
/// the thread count. Throws InvalidArgument without has_bf16_products() or for a set that this processor
/// lacks.
void multiply_bf16_panels(const Bf16Product& product, float* out,
                          simd::InstructionSet set = simd::default_instruction_set());

/// Tiles for InstructionSet::kAmx, else AVX-512's. Throws InvalidArgument as multiply_bf16_panels does.
GemmKernel bf16_kernel(simd::InstructionSet set);

}  // namespace kdqat::kernels
