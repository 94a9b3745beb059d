#pragma once

#include <cstdint>

namespace kdqat::kernels {

/// Outputs that a panel holds.
inline constexpr std::int64_t kPanelRows = 16;

/// Bytes of a line of a panel: one vector of AVX-512.
inline constexpr std::int64_t kLineBytes = 64;

/// Inputs are padded to whole multiples of this.
inline constexpr std::int64_t kPanelColumns = 16;

/// How the codes of a weight matrix [rows, cols] (outputs x inputs) lie in the order in which products read
/// them; the layout of packed files too (docs/packed-format.md).
///
/// A code is stored as an unsigned field of `bits` bits: code + offset, the offset 1, 8, 128 at 2, 4, 8 bits.
/// Panel p holds rows 16 p .. 16 p + 15 in lines of 64 bytes; a line holds 32 / bits columns. In line q,
/// bits [bits g, bits g + bits) of byte 4 r + j are the field of row 16 p + r, column (32 / bits) q + 4 g +
/// j. Panels follow each other. Rows are padded to a multiple of 16 and columns to one of 16 with code 0.
struct PanelShape {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  int bits = 2;  ///< 2, 4 or 8

  std::int64_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
  std::int64_t padded_cols() const { return (cols + kPanelColumns - 1) / kPanelColumns * kPanelColumns; }
  std::int64_t columns_per_line() const { return 32 / bits; }
  std::int64_t lines() const { return padded_cols() / columns_per_line(); }
  std::int64_t panel_bytes() const { return lines() * kLineBytes; }
  std::int64_t bytes() const { return panels() * panel_bytes(); }
  int offset() const { return bits == 2 ? 1 : 1 << (bits - 1); }
};

/// codes int8 [rows, cols], ternary for 2 bits, within +-7 for 4; panels holds shape.bytes() bytes.
void pack_panels(const std::int8_t* codes, const PanelShape& shape, std::uint8_t* panels);

/// Inverse of pack_panels.
void unpack_panels(const std::uint8_t* panels, const PanelShape& shape, std::int8_t* codes);

/// Whether every field stands for a code that pack_panels takes.
bool panels_hold_codes(const std::uint8_t* panels, const PanelShape& shape);

}  // namespace kdqat::kernels
