#include "kdqat/data/batch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <limits>

#include "kdqat/base/error.h"
#include "kdqat/format/safetensors.h"

namespace kdqat::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr BatchLimits kLimits{
    .vocab_size = 10, .type_vocab_size = 2, .max_position_embeddings = 4, .num_labels = 3};

/// A batch file that a test fills with tensors.
class BatchFileTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  void add(const std::string& name, format::Shape shape, std::vector<std::int64_t> values) {
    storage_.push_back(std::move(values));
    tensors_.push_back({.name = name,
                        .dtype = format::DType::kI64,
                        .shape = std::move(shape),
                        .bytes = std::as_bytes(std::span(storage_.back()))});
  }

  void add_floats(const std::string& name, format::Shape shape, std::vector<float> values) {
    floats_.push_back(std::move(values));
    tensors_.push_back({.name = name,
                        .dtype = format::DType::kF32,
                        .shape = std::move(shape),
                        .bytes = std::as_bytes(std::span(floats_.back()))});
  }

  Batch read(const BatchLimits& limits = kLimits) {
    format::write_safetensors(path_, tensors_);
    return read_batch_file(path_, limits);
  }

  void expect_error(const std::string& tensor, const std::string& what, const BatchLimits& limits = kLimits) {
    EXPECT_THAT([&] { read(limits); },
                ThrowsMessage<base::FormatError>(
                    AllOf(HasSubstr(path_.string()), HasSubstr("'" + tensor + "'"), HasSubstr(what))));
  }

 private:
  std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) + ".safetensors");
  std::vector<format::TensorToWrite> tensors_;
  std::deque<std::vector<std::int64_t>> storage_;
  std::deque<std::vector<float>> floats_;
};

TEST_F(BatchFileTest, LeavesPaddingOut) {
  add("input_ids", {2, 3}, {1, 2, 3, 4, 0, 0});
  add("token_type_ids", {2, 3}, {0, 1, 1, 0, 0, 0});
  add("attention_mask", {2, 3}, {1, 1, 1, 1, 0, 0});
  add("labels", {2}, {2, 0});
  const Batch batch = read();
  EXPECT_THAT(batch.cu_seqlens, ElementsAre(0, 3, 4));
  EXPECT_TRUE(torch::equal(batch.input_ids, torch::tensor({1, 2, 3, 4}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.token_type_ids, torch::tensor({0, 1, 1, 0}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.labels, torch::tensor({2, 0}, torch::kInt64)));
}

TEST_F(BatchFileTest, MaskTypesAndLabelsMayBeAbsent) {
  add("input_ids", {1, 2}, {1, 2});
  const Batch batch = read();
  EXPECT_EQ(batch.tokens(), 2);
  EXPECT_TRUE(torch::equal(batch.token_type_ids, torch::zeros({2}, torch::kInt64)));
  EXPECT_FALSE(batch.labels.defined());
}

TEST_F(BatchFileTest, ScoresOfARegressionAreFloatingPoint) {
  add("input_ids", {1, 2}, {1, 2});
  add_floats("labels", {1}, {2.5F});
  BatchLimits limits = kLimits;
  limits.num_labels = 1;
  EXPECT_TRUE(torch::equal(read(limits).labels, torch::tensor({2.5F})));
}

TEST_F(BatchFileTest, RejectsAMissingInputIds) {
  add("labels", {1}, {0});
  expect_error("input_ids", "");
}

TEST_F(BatchFileTest, RejectsIdsOutsideOfTheVocabulary) {
  add("input_ids", {2, 2}, {1, 2, 3, 10});
  expect_error("input_ids", "expected ids from 0 to 9, found 10 in row 1");
}

TEST_F(BatchFileTest, RejectsTokenTypesOutsideOfTheirTable) {
  add("input_ids", {1, 2}, {1, 2});
  add("token_type_ids", {1, 2}, {0, 2});
  expect_error("token_type_ids", "expected ids from 0 to 1, found 2 in row 0");
}

TEST_F(BatchFileTest, RejectsMoreTokensThanPositions) {
  add("input_ids", {1, 5}, {1, 2, 3, 4, 5});
  expect_error("input_ids", "expected at most 4 tokens (max_position_embeddings) in row 0, found 5");
}

TEST_F(BatchFileTest, RejectsAWrongShape) {
  add("input_ids", {3}, {1, 2, 3});
  expect_error("input_ids", "expected [B, S] with a sentence, found [3]");
}

TEST_F(BatchFileTest, RejectsAMaskOfAnotherShape) {
  add("input_ids", {1, 3}, {1, 2, 3});
  add("attention_mask", {1, 2}, {1, 1});
  expect_error("attention_mask", "expected [1, 3] as input_ids, found [1, 2]");
}

TEST_F(BatchFileTest, RejectsAMaskWithAHole) {
  add("input_ids", {1, 3}, {1, 2, 3});
  add("attention_mask", {1, 3}, {1, 0, 1});
  expect_error("attention_mask", "expected ones and then zeros in row 0, found 1 at position 2");
}

TEST_F(BatchFileTest, RejectsASentenceWithoutTokens) {
  add("input_ids", {1, 2}, {1, 2});
  add("attention_mask", {1, 2}, {0, 0});
  expect_error("attention_mask", "expected a token in row 0, found none");
}

TEST_F(BatchFileTest, RejectsFloatingPointIds) {
  add_floats("input_ids", {1, 2}, {1, 2});
  expect_error("input_ids", "expected integers, found F32");
}

TEST_F(BatchFileTest, RejectsLabelsOutOfRange) {
  add("input_ids", {1, 2}, {1, 2});
  add("labels", {1}, {3});
  expect_error("labels", "expected ids from 0 to 2, found 3");
}

TEST_F(BatchFileTest, RejectsLabelsOfAnotherCount) {
  add("input_ids", {1, 2}, {1, 2});
  add("labels", {2}, {0, 1});
  expect_error("labels", "expected [1], found [2]");
}

TEST_F(BatchFileTest, RejectsScoresWhereClassesAreExpectedAndScoresThatAreNotFinite) {
  add("input_ids", {1, 2}, {1, 2});
  add_floats("labels", {1}, {std::numeric_limits<float>::quiet_NaN()});
  expect_error("labels", "expected integer class ids, found F32");
  BatchLimits limits = kLimits;
  limits.num_labels = 1;
  expect_error("labels", "expected finite scores, found nan", limits);
}

}  // namespace
}  // namespace kdqat::data
