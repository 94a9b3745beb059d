#pragma once

#include <cstdint>

#include "kdqat/simd/instruction_set.h"

namespace kdqat::kernels {

/// Lines of a panel of bfloat16 of `cols` columns: one for two columns, up to whole tiles.
std::int64_t bf16_panel_lines(std::int64_t cols);

/// Bytes that a weight matrix [rows, cols] takes as panels of bfloat16.
std::int64_t bf16_panel_bytes(std::int64_t rows, std::int64_t cols);

/// Rounds weights float32 [rows, cols] (outputs x inputs), half to even, into the order in which
/// multiply_bf16_panels reads them: panels of 16 rows; in each, for every two columns, two elements a row.
/// Rows are filled up to 16 and columns to 32 with zeros.
void pack_bf16_panels(const float* weights, std::int64_t rows, std::int64_t cols, std::uint16_t* panels);

/// The same from bfloat16.
void pack_bf16_panels(const std::uint16_t* weights, std::int64_t rows, std::int64_t cols,
                      std::uint16_t* panels);

/// Panels of the transpose of a matrix [rows, cols] of int8 codes, which bfloat16 holds exactly, or of
/// bfloat16: `cols` outputs of `rows` inputs.
void pack_transposed_bf16_panels(const std::int8_t* codes, std::int64_t rows, std::int64_t cols,
                                 std::uint16_t* panels);
void pack_transposed_bf16_panels(const std::uint16_t* values, std::int64_t rows, std::int64_t cols,
                                 std::uint16_t* panels);

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

}  // namespace kdqat::kernels
