#include "kdqat/report/numbers.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace kdqat::report {
namespace {

TEST(NumbersTest, ThousandsAreSetApart) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(22713986), "22,713,986");
  EXPECT_EQ(with_thousands(-100), "-100");
  EXPECT_EQ(with_thousands(-1234), "-1,234");
  EXPECT_EQ(with_thousands(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(NumbersTest, FixedKeepsItsDigits) {
  EXPECT_EQ(fixed(0.869, 4), "0.8690");
  EXPECT_EQ(fixed(-12.5, 1), "-12.5");
  EXPECT_EQ(fixed(std::numeric_limits<double>::max(), 0).size(), 309U);
}

TEST(NumbersTest, SignificantDropsTrailingZeros) {
  EXPECT_EQ(significant(0.05, 3), "0.05");
  EXPECT_EQ(significant(1e-5, 3), "1e-05");
  EXPECT_EQ(significant(1.0 / 3.0, 6), "0.333333");
}

TEST(NumbersTest, ByteSizeTakesTheUnitThatFits) {
  EXPECT_EQ(byte_size(123), "123 B");
  EXPECT_EQ(byte_size(1023), "1023 B");
  EXPECT_EQ(byte_size(1024), "1.0 KiB");
  EXPECT_EQ(byte_size(90 * 1024 * 1024), "90 MiB");
  EXPECT_EQ(byte_size(1823456789), "1.7 GiB");
  EXPECT_EQ(byte_size(std::int64_t{5000} << 30), "5000 GiB");
}

TEST(FormatDurationTest, ShowsHoursOnlyWhereThereAreSome) {
  EXPECT_EQ(format_duration(0.0), "0:00");
  EXPECT_EQ(format_duration(59.99), "0:59");
  EXPECT_EQ(format_duration(754.0), "12:34");
  EXPECT_EQ(format_duration(3600.0), "1:00:00");
  EXPECT_EQ(format_duration(360000.0 + 62.0), "100:01:02");
}

TEST(FormatDurationTest, WhatIsNoDurationIsZero) {
  EXPECT_EQ(format_duration(-3.0), "0:00");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "0:00");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::quiet_NaN()), "0:00");
}

}  // namespace
}  // namespace kdqat::report
