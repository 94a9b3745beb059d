#include "kdqat/kernels/gemm/panels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/random_codes.h"
#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

std::vector<std::uint8_t> packed(const std::vector<std::int8_t>& codes, const PanelShape& shape) {
  std::vector<std::uint8_t> panels(index(shape.bytes()), 0xAA);
  pack_panels(codes.data(), shape, panels.data());
  return panels;
}

TEST(PanelsTest, UnpackingGivesTheCodesBack) {
  for (const int bits : {2, 4, 8}) {
    for (const auto& [rows, cols] : {std::pair{1, 1}, {16, 16}, {17, 33}, {5, 100}, {48, 31}}) {
      SCOPED_TRACE(::testing::Message() << bits << " bits, " << rows << " x " << cols);
      const PanelShape shape{.rows = rows, .cols = cols, .bits = bits};
      const std::vector<std::int8_t> codes = random_codes(1, shape.rows * shape.cols, magnitude_of(bits));
      std::vector<std::int8_t> unpacked(codes.size());
      unpack_panels(packed(codes, shape).data(), shape, unpacked.data());
      EXPECT_EQ(unpacked, codes);
    }
  }
}

// The layout is that of files: it must not change. Row 1 of a matrix [2, 18] in 2 bits: byte 4 * 1 + j of a
// line holds columns j, 4 + j, 8 + j, 12 + j from its low bits on, each as code + 1.
TEST(PanelsTest, TwoBitFieldsLieWhereTheFormatSays) {
  std::vector<std::int8_t> codes(36, 0);
  codes[18 + 0] = 1;    // line 0, byte 4, lowest field: 2
  codes[18 + 13] = -1;  // line 0, byte 5, highest field: 0
  codes[18 + 17] = 1;   // line 1, byte 5, lowest field: 2
  std::vector<std::uint8_t> expected(128, 0b01010101);
  expected[4] = 0b01010110;
  expected[5] = 0b00010101;
  expected[64 + 5] = 0b01010110;
  EXPECT_EQ(packed(codes, {.rows = 2, .cols = 18, .bits = 2}), expected);
}

TEST(PanelsTest, FourBitFieldsLieWhereTheFormatSays) {
  std::vector<std::int8_t> codes(9, 0);
  codes[2] = -7;  // line 0, byte 2, low field: 1
  codes[6] = 7;   // line 0, byte 2, high field: 15
  codes[8] = 3;   // line 1, byte 0, low field: 11
  std::vector<std::uint8_t> expected(128, 0x88);
  expected[2] = 0xF1;
  expected[64] = 0x8B;
  EXPECT_EQ(packed(codes, {.rows = 1, .cols = 9, .bits = 4}), expected);
}

TEST(PanelsTest, EightBitFieldsLieWhereTheFormatSays) {
  std::vector<std::int8_t> codes(10, 0);
  codes[5 + 4] = -127;  // row 1, line 1, byte 4: 1
  std::vector<std::uint8_t> expected(256, 128);
  expected[64 + 4] = 1;
  EXPECT_EQ(packed(codes, {.rows = 2, .cols = 5, .bits = 8}), expected);
}

TEST(PanelsTest, FieldsThatStandForNoCodeAreSeen) {
  for (const auto& [bits, bad] : {std::pair{2, 0b01110101}, {4, 0x80}, {4, 0x08}, {8, 0}}) {
    const PanelShape shape{.rows = 33, .cols = 20, .bits = bits};
    std::vector<std::uint8_t> panels =
        packed(random_codes(1, shape.rows * shape.cols, magnitude_of(bits)), shape);
    EXPECT_TRUE(panels_hold_codes(panels.data(), shape)) << bits;
    panels[panels.size() - 3] = static_cast<std::uint8_t>(bad);
    EXPECT_FALSE(panels_hold_codes(panels.data(), shape)) << bits << " bits, byte " << bad;
  }
}

}  // namespace
}  // namespace kdqat::kernels
