#include "kdqat/train/code_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/tiny_bert.h"

namespace kdqat::train {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

nlohmann::json record_of(const nlohmann::json& statistics, const std::string& name) {
  for (const nlohmann::json& record : statistics) {
    if (record.at("name") == name) return record;
  }
  return {};
}

TEST(CodeStatisticsTest, CountsTheCodesAndAveragesTheScales) {
  model::Classifier student = tests::load_tiny_bert("student.safetensors", format::QuantizationConfig{});
  // |w| is 1 for a quarter and 0 for the rest: threshold 0.175, codes 3/16 negative, 1/16 positive, scale 1.
  torch::Tensor pooler = torch::zeros({64, 16});
  pooler.slice(1, 0, 3).fill_(-1.0);
  pooler.slice(1, 3, 4).fill_(1.0);
  student.weights().head_dense.weight = pooler.view({32, 32});
  const nlohmann::json record = record_of(code_statistics(student), "bert.pooler.dense.weight");
  EXPECT_EQ(record.at("negative"), 3.0 / 16.0);
  EXPECT_EQ(record.at("positive"), 1.0 / 16.0);
  EXPECT_EQ(record.at("zero"), 12.0 / 16.0);
  EXPECT_EQ(record.at("scale"), 1.0);
}

TEST(CodeStatisticsTest, OfTheWordEmbeddingEveryRowCounts) {
  model::Classifier student = tests::load_tiny_bert("student.safetensors", format::QuantizationConfig{});
  torch::Tensor embedding = torch::zeros({120, 32});
  embedding.slice(0, 0, 30).fill_(2.0);
  student.weights().word_embeddings = embedding;
  const nlohmann::json record = record_of(code_statistics(student), "bert.embeddings.word_embeddings.weight");
  EXPECT_EQ(record.at("positive"), 0.25);
  EXPECT_EQ(record.at("scale"), 0.5);  // mean of 30 scales of 2 and 90 of 0
}

TEST(CodeStatisticsTest, NamesLayerAndRoleOfEveryQuantizedParameter) {
  model::Classifier student = tests::load_tiny_bert("student.safetensors", format::QuantizationConfig{});
  std::multimap<int, std::string> roles;
  for (const nlohmann::json& record : code_statistics(student)) {
    roles.emplace(record.at("layer").get<int>(), record.at("role").get<std::string>());
    const double shares = record.at("negative").get<double>() + record.at("zero").get<double>() +
                          record.at("positive").get<double>();
    EXPECT_NEAR(shares, 1.0, 1e-12) << record;
  }
  EXPECT_THAT(roles, UnorderedElementsAre(Pair(-1, "word_embeddings"), Pair(-1, "pooler"), Pair(0, "query"),
                                          Pair(0, "key"), Pair(0, "value"), Pair(0, "attention_output"),
                                          Pair(0, "intermediate"), Pair(0, "output"), Pair(1, "query"),
                                          Pair(1, "key"), Pair(1, "value"), Pair(1, "attention_output"),
                                          Pair(1, "intermediate"), Pair(1, "output")));
}

TEST(CodeStatisticsTest, AModelWithoutQuantizedWeightsHasNone) {
  model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  EXPECT_EQ(code_statistics(teacher), nlohmann::json::array());
  model::Classifier student = tests::load_tiny_bert("student.safetensors", tests::tiny_quantization(32));
  EXPECT_EQ(code_statistics(student), nlohmann::json::array());
}

}  // namespace
}  // namespace kdqat::train
