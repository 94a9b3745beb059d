#pragma once

#include <cstdint>

#include "kdqat/kernels/panel_blocks.h"
#include "kdqat/simd/instruction_set.h"

namespace kdqat::kernels {

/// Pairs of columns in a tile of AMX; panels are filled up to whole tiles.
inline constexpr std::int64_t kTilePairs = 16;

/// One block of products: rows against one or two panels. Tiles of AMX are 16 rows by kTilePairs pairs.
struct Bf16Block {
  const std::uint16_t* x = nullptr;  ///< two elements a row and pair of columns
  std::int64_t row_stride = 0;       ///< from one row's pair to the next row's, in elements
  std::int64_t pair_stride = 2;      ///< from one pair of a row to its next, in elements; of AMX 2 in a tile
  std::int64_t tile_stride =
      2 * kTilePairs;          ///< AMX: from one tile of the same rows to the next, in elements
  std::int64_t next_rows = 0;  ///< AMX: from one tile's rows to the next 16, in elements
  /// AMX: [16, row_stride], the rows behind the last whole tile, where there may be nothing to read behind
  /// `x`; else nullptr.
  const std::uint16_t* last_rows = nullptr;
  std::int64_t rows = 0;  ///< 1 .. block_rows of the plan
  std::int64_t pairs = 0;
  std::int64_t panel_stride = 0;          ///< from one panel to the next, in elements
  const std::uint16_t* panels = nullptr;  ///< [panels, pairs, 16, 2]
  std::int64_t cols = 0;                  ///< outputs, 1 .. kBlockPanels * kPanelRows
  const float* bias = nullptr;            ///< [cols]; nullptr: none
  bool accumulate = false;                ///< out += instead of out =
  float* out = nullptr;                   ///< [rows, out_stride]
  std::int64_t out_stride = 0;
};

struct Bf16Kernel {
  void (*multiply)(const Bf16Block& block) = nullptr;
  BlockPlan plan = {};
  std::int64_t columns = 2;    ///< elements of a row are read up to a whole multiple of this
  std::int64_t tile_rows = 1;  ///< rows that are read at a time

  bool in_tiles() const { return columns > 2; }
};

/// Tiles for InstructionSet::kAmx, else AVX-512's. Throws InvalidArgument without has_bf16_products().
Bf16Kernel bf16_kernel(simd::InstructionSet set);
#if defined(__x86_64__)
Bf16Kernel avx512_bf16_kernel();
Bf16Kernel amx_bf16_kernel();
#endif

}  // namespace kdqat::kernels
