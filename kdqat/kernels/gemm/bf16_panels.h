#pragma once

#include <cstdint>

namespace kdqat::kernels {

/// Pairs of columns in a tile of AMX; panels are filled up to whole tiles.
inline constexpr std::int64_t kTilePairs = 16;

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

}  // namespace kdqat::kernels
