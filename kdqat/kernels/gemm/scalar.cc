#include "kdqat/kernels/gemm/block.h"

namespace kdqat::kernels {
namespace {

/// The fields of four columns of a panel, column by column.
template <int kBits>
void fields_of(const std::byte* line, int field, std::int32_t (&fields)[4][kPanelRows]) {
  constexpr int kMask = (1 << kBits) - 1;
  for (int j = 0; j < 4; ++j) {
    for (std::int64_t row = 0; row < kPanelRows; ++row)
      fields[j][row] = std::to_integer<int>(line[4 * row + j]) >> (kBits * field) & kMask;
  }
}

/// Sums of one panel for all rows of the block.
template <int kBits>
void sum_panel(const GemmBlock& block, const std::byte* line, std::int32_t (&sums)[kBlockRows][kPanelRows]) {
  const auto* codes = reinterpret_cast<const std::int8_t*>(block.left);
  for (std::int64_t q = 0; q < block.lines; ++q, line += kLineBytes) {
    for (int field = 0; field < 8 / kBits; ++field, codes += 4) {
      std::int32_t fields[4][kPanelRows];
      fields_of<kBits>(line, field, fields);
      for (std::int64_t row = 0; row < block.rows; ++row) {
        for (std::int64_t j = 0; j < 4; ++j) {
          const std::int8_t code = codes[row * block.row_stride + j];
          for (std::int64_t col = 0; col < kPanelRows; ++col) sums[row][col] += code * fields[j][col];
        }
      }
    }
  }
}

template <int kBits>
void multiply_scalar(const GemmBlock& block) {
  for (std::int64_t first = 0; first < block.cols; first += kPanelRows) {
    std::int32_t sums[kBlockRows][kPanelRows] = {};
    sum_panel<kBits>(block, block.panels + first / kPanelRows * block.panel_stride, sums);
    for (std::int64_t row = 0; row < block.rows; ++row) finish_row(block, row, first, sums[row]);
  }
}

}  // namespace

GemmKernel scalar_kernel(int bits) {
  return {.multiply = bits == 2   ? multiply_scalar<2>
                      : bits == 4 ? multiply_scalar<4>
                                  : multiply_scalar<8>,
          .read_bytes = kPanelColumns};
}

}  // namespace kdqat::kernels
