#pragma once

#include <cstdint>

namespace kdqat::kernels {

/// One block of multiply_bf16_panels: up to kBlockRows rows against one or two panels.
struct Bf16Block {
  const std::uint16_t* x = nullptr;  ///< two elements a row and pair of columns
  std::int64_t row_stride = 0;       ///< from one row's pair to the next row's, in elements
  std::int64_t pair_stride = 2;      ///< from one pair of a row to its next, in elements
  std::int64_t rows = 0;
  std::int64_t pairs = 0;
  std::int64_t panel_stride = 0;          ///< from one panel to the next, in elements
  const std::uint16_t* panels = nullptr;  ///< [panels, pairs, 16, 2]
  std::int64_t cols = 0;                  ///< outputs, 1 .. kBlockPanels * kPanelRows
  const float* bias = nullptr;            ///< [cols]; nullptr: none
  bool accumulate = false;                ///< out += instead of out =
  float* out = nullptr;                   ///< [rows, out_stride]
  std::int64_t out_stride = 0;
};

/// Only where has_bf16_products().
void multiply_bf16_block(const Bf16Block& block);

}  // namespace kdqat::kernels
