#include <algorithm>

#include "kdqat/kernels/panel_kernels.h"

namespace kdqat::kernels {
namespace {

template <int kBits>
std::int32_t sum_of_products(const PanelBlock& block, std::int64_t row, std::int64_t col) {
  constexpr int kFields = 8 / kBits;
  constexpr int kMask = (1 << kBits) - 1;
  const std::int8_t* codes = block.codes + row * block.stride;
  const std::uint8_t* line = block.panels + col / kPanelRows * block.panel_bytes + 4 * (col % kPanelRows);
  std::int32_t sum = 0;
  for (std::int64_t q = 0; q < block.lines; ++q, line += kLineBytes) {
    for (int g = 0; g < kFields; ++g) {
      for (int j = 0; j < 4; ++j) {
        sum += (line[j] >> (kBits * g) & kMask) * codes[(kFields * q + g) * 4 + j];
      }
    }
  }
  return sum;
}

template <int kBits>
void multiply_scalar(const PanelBlock& block) {
  for (std::int64_t row = 0; row < block.rows; ++row) {
    for (std::int64_t col = 0; col < block.cols; ++col) {
      const std::int32_t sum = sum_of_products<kBits>(block, row, col) - block.corrections[row];
      const float scale = block.row_scales[row] * block.col_scales[col];
      block.out[row * block.out_stride + col] = static_cast<float>(sum) * scale + block.bias[col];
    }
  }
}

}  // namespace

PanelKernel scalar_panel_kernel(int bits) {
  return bits == 2 ? multiply_scalar<2> : bits == 4 ? multiply_scalar<4> : multiply_scalar<8>;
}

}  // namespace kdqat::kernels
