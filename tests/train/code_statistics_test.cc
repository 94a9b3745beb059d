#include "kdqat/train/code_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/tiny_bert.h"

namespace kdqat::train {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

format::TensorCodes record_of(const std::vector<format::TensorCodes>& statistics, const std::string& name) {
  for (const format::TensorCodes& record : statistics) {
    if (record.name == name) return record;
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
  const format::TensorCodes record = record_of(code_statistics(student), "bert.pooler.dense.weight");
  EXPECT_EQ(record.negative, 3.0 / 16.0);
  EXPECT_EQ(record.positive, 1.0 / 16.0);
  EXPECT_EQ(record.zero, 12.0 / 16.0);
  EXPECT_EQ(record.scale, 1.0);
}

TEST(CodeStatisticsTest, OfTheWordEmbeddingEveryRowCounts) {
  model::Classifier student = tests::load_tiny_bert("student.safetensors", format::QuantizationConfig{});
  torch::Tensor embedding = torch::zeros({120, 32});
  embedding.slice(0, 0, 30).fill_(2.0);
  student.weights().word_embeddings = embedding;
  const format::TensorCodes record =
      record_of(code_statistics(student), "bert.embeddings.word_embeddings.weight");
  EXPECT_EQ(record.positive, 0.25);
  EXPECT_EQ(record.scale, 0.5);  // mean of 30 scales of 2 and 90 of 0
}

TEST(CodeStatisticsTest, NamesLayerAndRoleOfEveryQuantizedParameter) {
  model::Classifier student = tests::load_tiny_bert("student.safetensors", format::QuantizationConfig{});
  std::multimap<std::int64_t, std::string> roles;
  for (const format::TensorCodes& record : code_statistics(student)) {
    roles.emplace(record.layer, record.role);
    const double shares = record.negative + record.zero + record.positive;
    EXPECT_NEAR(shares, 1.0, 1e-12) << record.name;
  }
  EXPECT_THAT(roles, UnorderedElementsAre(Pair(-1, "word_embeddings"), Pair(-1, "pooler"), Pair(0, "query"),
                                          Pair(0, "key"), Pair(0, "value"), Pair(0, "attention_output"),
                                          Pair(0, "intermediate"), Pair(0, "output"), Pair(1, "query"),
                                          Pair(1, "key"), Pair(1, "value"), Pair(1, "attention_output"),
                                          Pair(1, "intermediate"), Pair(1, "output")));
}

TEST(CodeStatisticsTest, AModelWithoutQuantizedWeightsHasNone) {
  model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  EXPECT_THAT(code_statistics(teacher), IsEmpty());
  model::Classifier student = tests::load_tiny_bert("student.safetensors", tests::tiny_quantization(32));
  EXPECT_THAT(code_statistics(student), IsEmpty());
}

}  // namespace
}  // namespace kdqat::train
