#include "kdqat/kernels/base3.h"

#include <gtest/gtest.h>

#include "tests/kernels/random_codes.h"

namespace kdqat::kernels {
namespace {

TEST(Base3Test, UnpackingGivesCodesTimesScale) {
  for (const std::int64_t count : {1, 4, 5, 6, 384}) {
    const std::vector<std::int8_t> codes = random_codes(1, count, 1);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(base3_bytes(count)));
    pack_base3(codes.data(), count, bytes.data());
    EXPECT_TRUE(base3_holds_codes(bytes.data(), base3_bytes(count)));
    std::vector<float> values(codes.size());
    unpack_base3(bytes.data(), count, 0.3F, values.data());
    for (std::size_t i = 0; i < codes.size(); ++i)
      EXPECT_EQ(values[i], static_cast<float>(codes[i]) * 0.3F) << i;
  }
}

// The layout is that of files: (c0 + 1) + 3 (c1 + 1) + 9 (c2 + 1) ...
TEST(Base3Test, TheFirstCodeIsTheLowestDigit) {
  const std::vector<std::int8_t> codes = {1, -1, 0, 1, 1, -1};
  std::vector<std::uint8_t> bytes(2);
  pack_base3(codes.data(), 6, bytes.data());
  EXPECT_EQ(bytes, (std::vector<std::uint8_t>{2 + 0 * 3 + 1 * 9 + 2 * 27 + 2 * 81, 0 + 3 + 9 + 27 + 81}));
}

TEST(Base3Test, BytesThatStandForNoCodesAreSeen) {
  std::vector<std::uint8_t> bytes(100, 242);
  EXPECT_TRUE(base3_holds_codes(bytes.data(), 100));
  bytes[97] = 243;
  EXPECT_FALSE(base3_holds_codes(bytes.data(), 100));
}

}  // namespace
}  // namespace kdqat::kernels
