#include "kdqat/format/quantization_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kdqat/base/error.h"

namespace kdqat::format {
namespace {

using base::FormatError;
using base::InvalidArgument;
using nlohmann::json;
using ::testing::ThrowsMessage;

void expect_refusal(const json& value, const std::string& message) {
  EXPECT_THAT([&] { quantization_config_from_json(value, "config.json: quantization"); },
              ThrowsMessage<FormatError>("config.json: quantization: " + message));
}

TEST(QuantizationConfigTest, ComesBackFromItsJson) {
  const QuantizationConfig config{.weight_bits = 4,
                                  .embedding_bits = 8,
                                  .activation_bits = 32,
                                  .weight_granularity = WeightGranularity::kRow,
                                  .activation_granularity = ActivationGranularity::kTensor};
  EXPECT_EQ(quantization_config_from_json(to_json(config), "x"), config);
  EXPECT_NE(config, QuantizationConfig{});
}

TEST(QuantizationConfigTest, WritesEachFieldByName) {
  EXPECT_EQ(to_json(QuantizationConfig{}),
            json::parse(R"({"weight_bits": 2, "embedding_bits": 2, "activation_bits": 8,
      "weight_granularity": "tensor", "activation_granularity": "token"})"));
}

TEST(QuantizationConfigTest, AnAbsentFieldHasItsDefault) {
  EXPECT_EQ(quantization_config_from_json(json::object(), "x"), QuantizationConfig{});
  EXPECT_EQ(quantization_config_from_json({{"weight_bits", 8}}, "x"), QuantizationConfig{.weight_bits = 8});
}

TEST(QuantizationConfigTest, TakesEverySupportedWidth) {
  for (const int bits : {2, 4, 8, 32}) {
    EXPECT_EQ(quantization_config_from_json({{"weight_bits", bits}}, "x").weight_bits, bits);
    EXPECT_EQ(quantization_config_from_json({{"embedding_bits", bits}}, "x").embedding_bits, bits);
  }
  for (const int bits : {8, 32}) {
    EXPECT_EQ(quantization_config_from_json({{"activation_bits", bits}}, "x").activation_bits, bits);
  }
}

TEST(QuantizationConfigTest, RefusesWhatIsNoObject) { expect_refusal(3, "expected a JSON object, found 3"); }

TEST(QuantizationConfigTest, RefusesAnUnknownField) {
  expect_refusal({{"weight_bit", 2}},
                 "expected the fields of a quantization configuration, found 'weight_bit'");
}

TEST(QuantizationConfigTest, RefusesNull) {
  expect_refusal({{"weight_bits", nullptr}}, "weight_bits: expected a value, found null");
}

TEST(QuantizationConfigTest, RefusesBitsThatAreNotSupported) {
  expect_refusal({{"weight_bits", 3}}, "weight_bits: expected one of 2, 4, 8, 32, found 3");
  expect_refusal({{"embedding_bits", 16}}, "embedding_bits: expected one of 2, 4, 8, 32, found 16");
  expect_refusal({{"activation_bits", 4}}, "activation_bits: expected one of 8, 32, found 4");
}

TEST(QuantizationConfigTest, RefusesBitsOfAWrongType) {
  expect_refusal({{"weight_bits", 2.0}}, "weight_bits: expected one of 2, 4, 8, 32, found 2.0");
  expect_refusal({{"embedding_bits", "2"}}, "embedding_bits: expected one of 2, 4, 8, 32, found \"2\"");
  expect_refusal({{"activation_bits", true}}, "activation_bits: expected one of 8, 32, found true");
}

TEST(QuantizationConfigTest, RefusesAGranularityThatIsNotSupported) {
  expect_refusal({{"weight_granularity", "token"}},
                 "weight_granularity: expected \"tensor\" or \"row\", found \"token\"");
  expect_refusal({{"activation_granularity", "row"}},
                 "activation_granularity: expected \"token\" or \"tensor\", found \"row\"");
  expect_refusal({{"weight_granularity", 1}}, "weight_granularity: expected \"tensor\" or \"row\", found 1");
}

TEST(GranularityTest, NameAndParseAreInverse) {
  for (const auto granularity : {WeightGranularity::kTensor, WeightGranularity::kRow}) {
    EXPECT_EQ(parse_weight_granularity(name_of(granularity)), granularity);
  }
  for (const auto granularity : {ActivationGranularity::kTensor, ActivationGranularity::kToken}) {
    EXPECT_EQ(parse_activation_granularity(name_of(granularity)), granularity);
  }
  EXPECT_EQ(name_of(WeightGranularity::kRow), "row");
  EXPECT_EQ(name_of(ActivationGranularity::kToken), "token");
}

TEST(GranularityTest, RefusesAnotherName) {
  EXPECT_THAT(
      [] { parse_weight_granularity("token"); },
      ThrowsMessage<InvalidArgument>("weight granularity: expected \"tensor\" or \"row\", found 'token'"));
  EXPECT_THAT(
      [] { parse_activation_granularity(""); },
      ThrowsMessage<InvalidArgument>("activation granularity: expected \"token\" or \"tensor\", found ''"));
}

}  // namespace
}  // namespace kdqat::format
