#include "kdqat/kernels/gemm/amx_tiles.h"

#if defined(__x86_64__)

namespace kdqat::kernels {
namespace {

/// The operand of ldtilecfg (Intel, Architecture Instruction Set Extensions, "TILECFG").
struct alignas(kLineBytes) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

KDQAT_AMX void configure_tiles() {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = kLineBytes;
    config.rows[tile] = kTileRows;
  }
  finish_writes();
  _tile_loadconfig(&config);
}

KDQAT_AMX void release_tiles() { _tile_release(); }

}  // namespace

GemmPlan tile_plan() {
  return {.block_rows = kTileGroupRows,
          .group_rows = kTileGroupRows,
          .group_unit = kTileBlockRows,
          .start = configure_tiles,
          .finish = release_tiles};
}

}  // namespace kdqat::kernels

#endif
