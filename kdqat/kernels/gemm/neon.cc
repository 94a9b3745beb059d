#include "kdqat/kernels/gemm/block.h"

#if defined(__aarch64__)

#include <arm_neon.h>

namespace kdqat::kernels {
namespace {

/// Sums of four products of bytes for four outputs: fields up to 255 times codes, in 16 bits each, then
/// added in 32.
inline int32x4_t add_four_products(int32x4_t sums, uint8x16_t fields, int8x16_t codes) {
  const int16x8_t low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(fields)));
  const int16x8_t high = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(fields)));
  const int16x8_t factors = vmovl_s8(vget_low_s8(codes));  // the four codes, twice
  const int32x4_t first =
      vpaddq_s32(vmull_s16(vget_low_s16(low), vget_low_s16(factors)), vmull_high_s16(low, factors));
  const int32x4_t second =
      vpaddq_s32(vmull_s16(vget_low_s16(high), vget_low_s16(factors)), vmull_high_s16(high, factors));
  return vaddq_s32(sums, vpaddq_s32(first, second));
}

/// The sums of one panel for one row; out [16].
template <int kBits>
void sum_panel(const std::byte* codes, const std::byte* panel, std::int64_t lines, std::int32_t* out) {
  constexpr int kFields = 8 / kBits;
  const uint8x16_t mask = vdupq_n_u8((1 << kBits) - 1);
  int32x4_t sums[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
  for (std::int64_t q = 0; q < lines; ++q, panel += kLineBytes) {
    for (int field = 0; field < kFields; ++field, codes += 4) {
      const int8x16_t four =
          vreinterpretq_s8_s32(vld1q_dup_s32(reinterpret_cast<const std::int32_t*>(codes)));
      for (int quarter = 0; quarter < 4; ++quarter) {
        const uint8x16_t line = vld1q_u8(reinterpret_cast<const std::uint8_t*>(panel) + 16 * quarter);
        const uint8x16_t fields =
            vandq_u8(vshlq_u8(line, vdupq_n_s8(static_cast<std::int8_t>(-kBits * field))), mask);
        sums[quarter] = add_four_products(sums[quarter], fields, four);
      }
    }
  }
  for (int quarter = 0; quarter < 4; ++quarter) vst1q_s32(out + 4 * quarter, sums[quarter]);
}

template <int kBits>
void multiply_neon(const GemmBlock& block) {
  std::int32_t sums[kPanelRows];
  for (std::int64_t first_col = 0; first_col < block.cols; first_col += kPanelRows) {
    const std::byte* panel = block.panels + first_col / kPanelRows * block.panel_stride;
    for (std::int64_t row = 0; row < block.rows; ++row) {
      sum_panel<kBits>(block.left + row * block.row_stride, panel, block.lines, sums);
      finish_row(block, row, first_col, sums);
    }
  }
}

}  // namespace

GemmKernel neon_kernel(int bits) {
  return {.multiply = bits == 2   ? multiply_neon<2>
                      : bits == 4 ? multiply_neon<4>
                                  : multiply_neon<8>,
          .read_bytes = kPanelColumns};
}

}  // namespace kdqat::kernels

#endif
