#include "kdqat/kernels/gemm/bf16_panels.h"

#include <algorithm>
#include <bit>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/gemm/block.h"
#include "kdqat/simd/bf16.h"
#include "kdqat/simd/multiversion.h"

namespace kdqat::kernels {
namespace {

/// Elements a row and pair of columns.
constexpr std::int64_t kPair = 2;

std::uint16_t to_bf16(float value) { return simd::bf16_bits(value); }
std::uint16_t to_bf16(std::uint16_t bits) { return bits; }

template <typename Weight>
void pack(const Weight* weights, std::int64_t rows, std::int64_t cols, std::uint16_t* panels) {
  const std::int64_t pairs = bf16_panel_lines(cols);
  const std::int64_t count = (rows + kPanelRows - 1) / kPanelRows;
  base::parallel_for(0, count, 4, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first * kPanelRows; row < last * kPanelRows; ++row) {
      const Weight* from = weights + row * cols;
      std::uint16_t* to = panels + (row / kPanelRows * pairs * kPanelRows + row % kPanelRows) * kPair;
      const std::int64_t present = row < rows ? cols : 0;
      for (std::int64_t pair = 0; pair < pairs; ++pair, to += kPair * kPanelRows) {
        to[0] = kPair * pair < present ? to_bf16(from[kPair * pair]) : std::uint16_t{0};
        to[1] = kPair * pair + 1 < present ? to_bf16(from[kPair * pair + 1]) : std::uint16_t{0};
      }
    }
  });
}

/// The bits of a code as bfloat16.
inline std::uint32_t bf16_word(std::int8_t code) {
  return std::bit_cast<std::uint32_t>(static_cast<float>(code)) >> 16;
}
inline std::uint32_t bf16_word(std::uint16_t bits) { return bits; }

/// One line of a panel of the transpose: 16 columns of two rows.
template <typename Value>
__attribute__((always_inline)) inline void interleave(const Value* even, const Value* odd,
                                                      std::uint32_t* line) {
  for (std::int64_t i = 0; i < kPanelRows; ++i) line[i] = bf16_word(even[i]) | bf16_word(odd[i]) << 16;
}

/// interleave for each of `panels` panels, whose lines lie `stride` words apart.
KDQAT_MULTIVERSION
void interleave_rows(const std::int8_t* even, const std::int8_t* odd, std::int64_t panels,
                     std::int64_t stride, std::uint32_t* line) {
  for (std::int64_t p = 0; p < panels; ++p)
    interleave(even + kPanelRows * p, odd + kPanelRows * p, line + p * stride);
}

KDQAT_MULTIVERSION
void interleave_rows(const std::uint16_t* even, const std::uint16_t* odd, std::int64_t panels,
                     std::int64_t stride, std::uint32_t* line) {
  for (std::int64_t p = 0; p < panels; ++p)
    interleave(even + kPanelRows * p, odd + kPanelRows * p, line + p * stride);
}

/// Panels [first, last) of the transpose; the last may be cut, of an odd number of rows the second is
/// missing.
template <typename Value>
void pack_transposed_panels(const Value* values, std::int64_t rows, std::int64_t cols, std::int64_t first,
                            std::int64_t last, std::uint32_t* panels) {
  const std::int64_t pairs = bf16_panel_lines(rows);
  const std::int64_t present_pairs = (rows + 1) / kPair;
  const std::int64_t whole = std::min(last, cols / kPanelRows);
  for (std::int64_t pair = 0; pair < present_pairs; ++pair) {
    const Value* even = values + kPair * pair * cols;
    const bool alone = kPair * pair + 1 == rows;
    if (!alone) {
      interleave_rows(even + kPanelRows * first, even + cols + kPanelRows * first, whole - first,
                      pairs * kPanelRows, panels + (first * pairs + pair) * kPanelRows);
    }
    for (std::int64_t panel = alone ? first : whole; panel < last; ++panel) {
      for (std::int64_t i = 0; i < kPanelRows; ++i) {
        const std::int64_t col = panel * kPanelRows + i;
        const bool present = col < cols;
        const std::uint32_t low = present ? bf16_word(even[col]) : 0;
        const std::uint32_t high = present && !alone ? bf16_word(even[cols + col]) : 0;
        panels[(panel * pairs + pair) * kPanelRows + i] = low | high << 16;
      }
    }
  }
  for (std::int64_t panel = first; panel < last; ++panel) {
    std::fill(panels + (panel * pairs + present_pairs) * kPanelRows,
              panels + (panel + 1) * pairs * kPanelRows, 0U);
  }
}

template <typename Value>
void pack_transposed(const Value* values, std::int64_t rows, std::int64_t cols, std::uint16_t* panels) {
  // Four panels of codes read whole cache lines of a row and keep few lines open for writing.
  constexpr std::int64_t kPanelsTogether = 4;
  const std::int64_t count = (cols + kPanelRows - 1) / kPanelRows;
  const std::int64_t tasks = (count + kPanelsTogether - 1) / kPanelsTogether;
  base::parallel_for(0, tasks, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t task = first; task < last; ++task) {
      pack_transposed_panels(values, rows, cols, task * kPanelsTogether,
                             std::min(count, (task + 1) * kPanelsTogether),
                             reinterpret_cast<std::uint32_t*>(panels));
    }
  });
}

}  // namespace

std::int64_t bf16_panel_lines(std::int64_t cols) {
  constexpr std::int64_t kTileColumns = kPair * kTilePairs;
  return (cols + kTileColumns - 1) / kTileColumns * kTilePairs;
}

std::int64_t bf16_panel_bytes(std::int64_t rows, std::int64_t cols) {
  return (rows + kPanelRows - 1) / kPanelRows * bf16_panel_lines(cols) * kLineBytes;
}

void pack_bf16_panels(const float* weights, std::int64_t rows, std::int64_t cols, std::uint16_t* panels) {
  pack(weights, rows, cols, panels);
}

void pack_bf16_panels(const std::uint16_t* weights, std::int64_t rows, std::int64_t cols,
                      std::uint16_t* panels) {
  pack(weights, rows, cols, panels);
}

void pack_transposed_bf16_panels(const std::int8_t* codes, std::int64_t rows, std::int64_t cols,
                                 std::uint16_t* panels) {
  pack_transposed(codes, rows, cols, panels);
}

void pack_transposed_bf16_panels(const std::uint16_t* values, std::int64_t rows, std::int64_t cols,
                                 std::uint16_t* panels) {
  pack_transposed(values, rows, cols, panels);
}

}  // namespace kdqat::kernels
