#include "kdqat/kernels/amx_tiles.h"

#if defined(__x86_64__)

#include <algorithm>

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

KDQAT_AMX void start() { configure_tiles(kTileBlockRows); }
KDQAT_AMX void finish() { _tile_release(); }

}  // namespace

KDQAT_AMX void configure_tiles(std::int64_t rows) {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = kLineBytes;
    config.rows[tile] = kTileRows;
  }
  config.rows[0] = config.rows[1] = config.rows[4] = static_cast<std::uint8_t>(std::min(rows, kTileRows));
  if (rows > kTileRows)
    config.rows[2] = config.rows[3] = config.rows[5] = static_cast<std::uint8_t>(rows - kTileRows);
  finish_writes();
  _tile_loadconfig(&config);
}

BlockPlan tile_plan(std::int64_t block_rows) {
  return {.block_rows = block_rows, .group_rows = kTileGroupRows, .start = start, .finish = finish};
}

}  // namespace kdqat::kernels

#endif
