#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "kdqat/kernels/gemm/avx512.h"

/// Code for processors on which InstructionSet::kAmx is available.
#define KDQAT_AMX \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,avx512bf16,amx-tile,amx-int8,amx-bf16")))
#define KDQAT_AMX_INLINE KDQAT_AMX __attribute__((always_inline)) inline

namespace kdqat::kernels {

/// Products of AMX's tiles of 16 rows of 64 bytes. A left tile holds 64 bytes of 16 rows. A right tile is 16
/// lines of a panel whose fields are whole bytes or pairs of bfloat16. Their sums are 16 rows x 16 columns of
/// 32 bits.
inline constexpr std::int64_t kTileBytes = kTileRows * kLineBytes;

/// Left tiles that are multiplied at a time, each with up to kBlockPanels panels.
inline constexpr std::int64_t kRowTiles = 2;

/// Their rows.
inline constexpr std::int64_t kTileBlockRows = kRowTiles * kTileRows;

/// Rows whose factors stay in a core's cache while all panels pass by: tiles are so fast that panels would
/// have to come too often for fewer.
inline constexpr std::int64_t kTileGroupRows = 256;

/// Tiles of a panel that are multiplied with all rows of a group before the next ones: with two panels, the
/// rows' tiles and the sums they stay in a core's first-level cache.
inline constexpr std::int64_t kChunkTiles = 6;

/// What one set of sums is made from.
struct TileOperands {
  const void* left = nullptr;         ///< tiles of the first 16 rows
  const void* second_left = nullptr;  ///< of the next 16, not read where there are none
  std::int64_t row_stride = 0;        ///< bytes from one row of a left tile to the next
  std::int64_t left_step = 0;         ///< bytes from one left tile to the next of the same rows
  const std::byte* right = nullptr;   ///< tiles of a panel follow each other
  std::int64_t next_panel = 0;        ///< bytes from the first panel to the second
  std::int64_t steps = 0;             ///< tiles that a sum runs through
  bool accumulate = false;            ///< adds to the sums that are there
};

/// Sums of kRowTiles x 2 panels: [row tile * 2 + panel][row * 16 + column].
template <typename Sum>
struct alignas(kLineBytes) TileSums {
  std::array<std::array<Sum, kTileRows * kPanelRows>, kRowTiles * 2> values;

  const Sum* row(std::int64_t row, std::int64_t panel) const {
    return values[static_cast<std::size_t>(row / kTileRows * 2 + panel)].data() +
           row % kTileRows * kPanelRows;
  }
};

/// Keeps the compiler from moving writes to memory behind what follows: GCC 12 does not know that its tile
/// instructions read memory.
inline void finish_writes() { asm volatile("" ::: "memory"); }

/// Blocks of kTileGroupRows rows. In each thread, tiles 0 - 3 hold sums, 4 and 5 left operands, 6 and 7 right
/// ones, until it goes back to a processor without tiles.
GemmPlan tile_plan();

/// Prefetches a left tile: its rows lie apart, and no processor sees sixteen such streams coming.
KDQAT_AMX_INLINE void prefetch_tile(const std::byte* left, std::int64_t row_stride) {
  for (std::int64_t row = 0; row < kTileRows; ++row) _mm_prefetch(left + row * row_stride, _MM_HINT_T0);
}

/// Prefetches the outputs of `rows` rows, which are written when their sums are done.
KDQAT_AMX_INLINE void prefetch_outputs(const GemmBlock& block, std::int64_t first_row, std::int64_t rows) {
  float* out = block.out + first_row * block.out_stride;
  for (std::int64_t row = 0; row < rows; ++row, out += block.out_stride) {
    __builtin_prefetch(out, 1);
    __builtin_prefetch(out + kPanelRows, 1);
  }
}

/// kTiles left tiles times kPanels panels. Tiles are configured.
template <TileElement kElement, int kTiles, int kPanels, typename Sum>
KDQAT_AMX_INLINE void multiply_tiles(const TileOperands& operands, TileSums<Sum>& sums) {
  if (operands.accumulate) {
    _tile_loadd(0, sums.values[0].data(), kLineBytes);
    if constexpr (kPanels == 2) _tile_loadd(1, sums.values[1].data(), kLineBytes);
    if constexpr (kTiles == 2) _tile_loadd(2, sums.values[2].data(), kLineBytes);
    if constexpr (kTiles == 2 && kPanels == 2) _tile_loadd(3, sums.values[3].data(), kLineBytes);
  } else {
    _tile_zero(0);
    if constexpr (kPanels == 2) _tile_zero(1);
    if constexpr (kTiles == 2) _tile_zero(2);
    if constexpr (kTiles == 2 && kPanels == 2) _tile_zero(3);
  }
  constexpr std::int64_t kAhead = 2;
  const auto* left = static_cast<const std::byte*>(operands.left);
  const auto* second_left = static_cast<const std::byte*>(operands.second_left);
  const std::byte* right = operands.right;
  for (std::int64_t step = 0; step < operands.steps; ++step) {
    prefetch_tile(left + kAhead * operands.left_step, operands.row_stride);
    if constexpr (kTiles == 2) prefetch_tile(second_left + kAhead * operands.left_step, operands.row_stride);
    _tile_loadd(4, left, operands.row_stride);
    _tile_loadd(6, right, kLineBytes);
    if constexpr (kElement == TileElement::kByte) _tile_dpbsud(0, 4, 6);
    if constexpr (kElement == TileElement::kBf16) _tile_dpbf16ps(0, 4, 6);
    if constexpr (kPanels == 2) {
      _tile_loadd(7, right + operands.next_panel, kLineBytes);
      if constexpr (kElement == TileElement::kByte) _tile_dpbsud(1, 4, 7);
      if constexpr (kElement == TileElement::kBf16) _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (kTiles == 2) {
      _tile_loadd(5, second_left, operands.row_stride);
      if constexpr (kElement == TileElement::kByte) _tile_dpbsud(2, 5, 6);
      if constexpr (kElement == TileElement::kBf16) _tile_dpbf16ps(2, 5, 6);
      if constexpr (kPanels == 2 && kElement == TileElement::kByte) _tile_dpbsud(3, 5, 7);
      if constexpr (kPanels == 2 && kElement == TileElement::kBf16) _tile_dpbf16ps(3, 5, 7);
      second_left += operands.left_step;
    }
    left += operands.left_step;
    right += kTileBytes;
  }
  _tile_stored(0, sums.values[0].data(), kLineBytes);
  if constexpr (kPanels == 2) _tile_stored(1, sums.values[1].data(), kLineBytes);
  if constexpr (kTiles == 2) _tile_stored(2, sums.values[2].data(), kLineBytes);
  if constexpr (kTiles == 2 && kPanels == 2) _tile_stored(3, sums.values[3].data(), kLineBytes);
}

/// multiply_tiles for `rows` (1 .. 2 x 16) rows and one or two panels.
template <TileElement kElement, typename Sum>
KDQAT_AMX_INLINE void multiply_tiles(const TileOperands& operands, std::int64_t rows, bool two_panels,
                                     TileSums<Sum>& sums) {
  if (rows > kTileRows) {
    two_panels ? multiply_tiles<kElement, 2, 2>(operands, sums)
               : multiply_tiles<kElement, 2, 1>(operands, sums);
  } else {
    two_panels ? multiply_tiles<kElement, 1, 2>(operands, sums)
               : multiply_tiles<kElement, 1, 1>(operands, sums);
  }
}

}  // namespace kdqat::kernels

#endif
