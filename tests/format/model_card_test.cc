#include "kdqat/format/model_card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"

namespace kdqat::format {
namespace {

using nlohmann::json;
using ::testing::ThrowsMessage;

/// A section with every field.
json whole_section() {
  return {{"command", "distill"},
          {"version", "0.1.0"},
          {"config", {{"seed", 42}}},
          {"task", {{"name", "rte"}}},
          {"max_seq_length", 128},
          {"precision", "bf16"},
          {"step", 600},
          {"scores", {{"dev", {{"metric", "accuracy"}, {"score", 0.5}}}}},
          {"quantization", to_json(QuantizationConfig{.weight_bits = 4})},
          {"teacher", {{"directory", "teacher"}, {"scores", {{"dev", {{"score", 0.75}}}}}}}};
}

TEST(ModelCardTest, ReadsEveryFieldAndWritesItBack) {
  const ModelCard card = read_model_card({{"kdqat", whole_section()}});
  EXPECT_EQ(card.command, "distill");
  EXPECT_EQ(card.config.at("seed"), 42);
  EXPECT_EQ(card.task.at("name"), "rte");
  EXPECT_EQ(card.max_seq_length, 128);
  EXPECT_EQ(card.precision, "bf16");
  EXPECT_EQ(card.step, 600);
  EXPECT_EQ(card.quantization->weight_bits, 4);
  EXPECT_EQ(card.teacher->directory, "teacher");
  EXPECT_EQ(to_json(card), whole_section());
}

TEST(ModelCardTest, WithoutASectionTheCardIsEmpty) {
  for (const json& config : {json::object(), json{{"kdqat", 5}}, json{{"kdqat", json::object()}}, json()}) {
    const ModelCard card = read_model_card(config);
    EXPECT_FALSE(card.quantization);
    EXPECT_FALSE(card.max_seq_length);
    EXPECT_EQ(to_json(card), json::object());
  }
}

TEST(ModelCardTest, ErrorsNameTheField) {
  const auto expect = [](const char* field, const json& value, const std::string& message) {
    EXPECT_THAT(
        [&] {
          read_model_card({{"kdqat", {{field, value}}}});
        },
        ThrowsMessage<base::FormatError>("config.json: kdqat" + message));
  };
  expect("max_seq_length", "x", ": max_seq_length: expected an integer, found \"x\"");
  expect("step", 0.5, ": step: expected an integer, found 0.5");
  expect("precision", 16, ": precision: expected a string, found 16");
  expect("teacher", 1, ": teacher: expected an object, found 1");
  expect("quantization", {{"weight_bits", 3}},
         ".quantization: weight_bits: expected one of 2, 4, 8, 32, found 3");
}

}  // namespace
}  // namespace kdqat::format
