#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/format/safetensors.h"

namespace kdqat::format {
namespace {

using ::testing::ElementsAre;
using ::testing::ThrowsMessage;

template <typename T>
TensorView view_of(DType dtype, const std::vector<T>& values) {
  return {.name = "x",
          .dtype = dtype,
          .shape = {static_cast<std::int64_t>(values.size())},
          .bytes = std::as_bytes(std::span(values))};
}

template <typename T>
std::vector<float> as_float(DType dtype, const std::vector<T>& values) {
  std::vector<float> out(values.size());
  copy_as_float(view_of(dtype, values), out);
  return out;
}

std::vector<std::uint16_t> all_16_bit_words() {
  std::vector<std::uint16_t> words(65'536);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = static_cast<std::uint16_t>(i);
  return words;
}

/// The value of an IEEE 754 number of 16 bits from its definition: sign, exponent with its bias, fraction.
double value_of(std::uint16_t bits, int fraction_bits) {
  const int exponent_bits = 15 - fraction_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  }
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

void expect_values(DType dtype, int fraction_bits) {
  const std::vector<std::uint16_t> words = all_16_bit_words();
  const std::vector<float> actual = as_float(dtype, words);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const double expected = value_of(words[i], fraction_bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(actual[i])) << std::hex << words[i];
    } else {
      ASSERT_EQ(static_cast<double>(actual[i]), expected) << std::hex << words[i];
      ASSERT_EQ(std::signbit(actual[i]), std::signbit(expected)) << std::hex << words[i];
    }
  }
}

TEST(CopyAsFloatTest, IsExactForEveryF16) { expect_values(DType::kF16, 10); }

TEST(CopyAsFloatTest, IsExactForEveryBF16) { expect_values(DType::kBF16, 7); }

// Known bits, so that the definition in this file is held against something too.
TEST(CopyAsFloatTest, GivesKnownValuesOfHalfPrecision) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<std::uint16_t> f16 = {0x3C00, 0xC000, 0x7BFF, 0x0400, 0x0001, 0x03FF, 0x7C00, 0x3555};
  EXPECT_THAT(as_float(DType::kF16, f16), ElementsAre(1.0F, -2.0F, 65504.0F, 0x1p-14F, 0x1p-24F, 0x1.FF8p-15F,
                                                      kInfinity, 0.333251953125F));
  const std::vector<std::uint16_t> bf16 = {0x3F80, 0xC000, 0x4049, 0xFF80, 0x0001};
  EXPECT_THAT(as_float(DType::kBF16, bf16), ElementsAre(1.0F, -2.0F, 3.140625F, -kInfinity, 0x1p-133F));
}

TEST(CopyAsFloatTest, CopiesF32BitByBit) {
  const std::vector<std::uint32_t> bits = {0x00000001, 0x80000000, 0x7FC12345, 0x3F800001, 0xFF800000};
  const std::vector<float> values = as_float(DType::kF32, bits);
  for (std::size_t i = 0; i < bits.size(); ++i) EXPECT_EQ(std::bit_cast<std::uint32_t>(values[i]), bits[i]);
}

TEST(CopyAsFloatTest, RoundsF64ToTheNearestFloat) {
  EXPECT_THAT(as_float(DType::kF64, std::vector<double>{0.1, -2.5, 1.0 + 0x1p-24, 1.0 + 0x1.8p-24}),
              ElementsAre(0.1F, -2.5F, 1.0F, 1.0F + 0x1p-23F));
}

TEST(CopyAsFloatTest, ReadsBytesThatAreNotAligned) {
  const std::vector<float> values = {0.0F, 1.5F, -3.0F};
  std::vector<std::byte> bytes(1 + sizeof(float) * values.size());
  std::memcpy(bytes.data() + 1, values.data(), bytes.size() - 1);
  const TensorView view{
      .name = "x", .dtype = DType::kF32, .shape = {3}, .bytes = std::span<const std::byte>(bytes).subspan(1)};
  std::vector<float> out(3);
  copy_as_float(view, out);
  EXPECT_EQ(out, values);
}

TEST(CopyAsFloatTest, RefusesIntegersAndNamesTensorAndDType) {
  EXPECT_THAT([] { as_float(DType::kI32, std::vector<std::int32_t>{1}); },
              ThrowsMessage<base::FormatError>("tensor 'x': expected F16, BF16, F32 or F64, found I32"));
}

TEST(CopyAsFloatTest, RefusesAnOutputOfAnotherSize) {
  const std::vector<float> values(3);
  std::vector<float> out(2);
  EXPECT_THAT([&] { copy_as_float(view_of(DType::kF32, values), out); },
              ThrowsMessage<base::InvalidArgument>("tensor 'x': expected room for 3 values, found 2"));
}

template <typename T>
void expect_extremes(DType dtype) {
  constexpr T kLowest = std::numeric_limits<T>::min();
  constexpr T kHighest = std::numeric_limits<T>::max();
  EXPECT_THAT(copy_as_int64(view_of(dtype, std::vector<T>{kLowest, 1, kHighest})),
              ElementsAre(kLowest, 1, kHighest));
}

TEST(CopyAsInt64Test, KeepsEveryIntegerDType) {
  expect_extremes<std::int64_t>(DType::kI64);
  expect_extremes<std::int32_t>(DType::kI32);
  expect_extremes<std::int16_t>(DType::kI16);
  expect_extremes<std::int8_t>(DType::kI8);
  expect_extremes<std::uint8_t>(DType::kU8);
}

TEST(CopyAsInt64Test, RefusesOtherDTypesAndNamesTensorAndDType) {
  EXPECT_THAT([] { copy_as_int64(view_of(DType::kF32, std::vector<float>{1.0F})); },
              ThrowsMessage<base::FormatError>("tensor 'x': expected I64, I32, I16, I8 or U8, found F32"));
}

}  // namespace
}  // namespace kdqat::format
