#include "kdqat/kernels/gemm/panels.h"

#include <cstring>

#include "kdqat/base/parallel.h"
#include "kdqat/simd/multiversion.h"

namespace kdqat::kernels {
namespace {

/// Where a code lies.
struct Place {
  std::int64_t byte;
  int shift;
};

Place place_of(const PanelShape& shape, std::int64_t row, std::int64_t col) {
  const std::int64_t line = col / shape.columns_per_line();
  const std::int64_t within = col % shape.columns_per_line();
  return {.byte = row / kPanelRows * shape.panel_bytes() + line * kLineBytes + 4 * (row % kPanelRows) +
                  within % 4,
          .shift = static_cast<int>(within / 4) * shape.bits};
}

/// Sums byte by byte: no carry from one into the next.
std::uint32_t add_bytes(std::uint32_t left, std::uint32_t right) {
  constexpr std::uint32_t kHigh = 0x80808080U;
  return ((left & ~kHigh) + (right & ~kHigh)) ^ ((left ^ right) & kHigh);
}

/// One row of a panel: four bytes of each of its lines. Behind `cols` there are zeros.
template <int kBits>
void pack_row(const std::int8_t* codes, std::int64_t cols, std::int64_t lines, std::uint8_t* out) {
  constexpr int kFields = 8 / kBits;
  constexpr std::uint32_t kOffsets = (kBits == 2 ? 1U : 1U << (kBits - 1)) * 0x01010101U;
  for (std::int64_t line = 0; line < lines; ++line, out += kLineBytes) {
    std::uint32_t word = 0;
    for (int field = 0; field < kFields; ++field) {
      const std::int64_t col = (line * kFields + field) * 4;
      std::uint32_t four = 0;
      if (col + 4 <= cols) {
        std::memcpy(&four, codes + col, sizeof(four));
      } else if (col < cols) {
        std::memcpy(&four, codes + col, static_cast<std::size_t>(cols - col));
      }
      word |= add_bytes(four, kOffsets) << (kBits * field);
    }
    std::memcpy(out, &word, sizeof(word));
  }
}

/// Bytes with a field that stands for no code: 3 at 2 bits, 0 at 4 and 8.
KDQAT_MULTIVERSION
std::int64_t count_bad_bytes(const std::uint8_t* bytes, std::int64_t count, int bits) {
  std::int64_t bad = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const int byte = bytes[i];
    const int three = byte & (byte >> 1) & 0b01010101;
    const int half = (byte & 0x0F) == 0 || (byte & 0xF0) == 0 ? 1 : 0;
    const int whole = byte == 0 ? 1 : 0;
    bad += (bits == 2 ? three : bits == 4 ? half : whole) != 0 ? 1 : 0;
  }
  return bad;
}

/// Panels that are worth a thread.
constexpr std::int64_t kGrainPanels = 4;

}  // namespace

void pack_panels(const std::int8_t* codes, const PanelShape& shape, std::uint8_t* panels) {
  base::parallel_for(0, shape.panels(), kGrainPanels, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first * kPanelRows; row < last * kPanelRows; ++row) {
      std::uint8_t* out = panels + row / kPanelRows * shape.panel_bytes() + 4 * (row % kPanelRows);
      const std::int64_t cols = row < shape.rows ? shape.cols : 0;
      switch (shape.bits) {
        case 2:
          pack_row<2>(codes + row * shape.cols, cols, shape.lines(), out);
          break;
        case 4:
          pack_row<4>(codes + row * shape.cols, cols, shape.lines(), out);
          break;
        default:
          pack_row<8>(codes + row * shape.cols, cols, shape.lines(), out);
      }
    }
  });
}

void unpack_panels(const std::uint8_t* panels, const PanelShape& shape, std::int8_t* codes) {
  const int mask = (1 << shape.bits) - 1;
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    for (std::int64_t col = 0; col < shape.cols; ++col) {
      const Place place = place_of(shape, row, col);
      const int field = panels[place.byte] >> place.shift & mask;
      codes[row * shape.cols + col] = static_cast<std::int8_t>(field - shape.offset());
    }
  }
}

bool panels_hold_codes(const std::uint8_t* panels, const PanelShape& shape) {
  return count_bad_bytes(panels, shape.bytes(), shape.bits) == 0;
}

}  // namespace kdqat::kernels
