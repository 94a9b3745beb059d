#include "kdqat/data/model_task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "tests/base/temporary_directory.h"

namespace kdqat::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// The configuration of a model that was trained on one's own data with these labels.
encoder::EncoderConfig model_of_own_task(const std::vector<std::string>& labels) {
  encoder::EncoderConfig config;
  config.num_labels = static_cast<std::int64_t>(labels.size());
  config.source["kdqat"]["task"] = to_json(make_custom_task({.text_column = "review", .labels = labels}));
  return config;
}

TEST(ResolveTaskTest, ANameOfGlueIsThatTaskWhateverTheModelWasTrainedFor) {
  EXPECT_EQ(resolve_task("rte", {}, model_of_own_task({"a", "b"}), "none"), find_task("rte"));
  EXPECT_THAT([] { resolve_task("glue", {}, {}, "none"); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("glue")));
}

TEST(ResolveTaskTest, CustomIsWhatTheOptionsSay) {
  const CustomTaskOptions options{.text_column = "sentence", .labels = {"x", "y", "z"}};
  EXPECT_EQ(resolve_task("custom", options, model_of_own_task({"a", "b"}), "none"),
            make_custom_task(options));
}

TEST(ResolveTaskTest, CustomWithoutOptionsIsWhatTheModelKeeps) {
  const Task task = resolve_task("custom", {}, model_of_own_task({"b", "a"}), "none");
  EXPECT_THAT(task.labels, ElementsAre("b", "a"));
  EXPECT_EQ(task.columns.text, Column("review"));
}

TEST(ResolveTaskTest, CustomWithoutBothIsReadFromTheTrainingFile) {
  const test::TemporaryDirectory directory;
  base::write_file_atomically(directory / "train.csv", "text,label\nfine,yes\npoor,no\n");
  EXPECT_THAT(resolve_task("custom", {}, {}, directory.path()).labels, ElementsAre("no", "yes"));
}

TEST(LoadTokenizerTest, RefusesAVocabularyThatDoesNotFitTheEmbedding) {
  const test::TemporaryDirectory directory;
  base::write_file_atomically(directory / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n");
  encoder::EncoderConfig config;
  config.vocab_size = 5;
  EXPECT_EQ(load_tokenizer(directory.path(), config).vocab_size(), 5);
  config.vocab_size = 6;  // filled up, to a multiple of 8 say
  EXPECT_EQ(load_tokenizer(directory.path(), config).vocab_size(), 5);
  config.vocab_size = 4;
  EXPECT_THAT([&] { load_tokenizer(directory.path(), config); },
              ThrowsMessage<base::FormatError>(base::concat(
                  directory.path().string(),
                  ": expected a vocabulary of at most 4 tokens (vocab_size of config.json), found 5")));
}

TEST(CheckLabelsTest, RefusesAnotherNumberOfLabels) {
  encoder::EncoderConfig config;
  config.num_labels = 3;
  EXPECT_NO_THROW(check_labels(config, find_task("mnli"), "teacher"));
  EXPECT_THAT([&] { check_labels(config, find_task("rte"), "teacher"); },
              ThrowsMessage<base::InvalidArgument>(
                  "teacher: expected a classifier with 2 labels for the task rte, found 3"));
}

TEST(CheckLabelsTest, RefusesOtherLabelsThanThoseOfOnesOwnTask) {
  const auto task = [](const std::vector<std::string>& labels) {
    return make_custom_task({.labels = labels});
  };
  EXPECT_NO_THROW(check_labels(model_of_own_task({"a", "b"}), task({"a", "b"}), "teacher"));
  EXPECT_THAT(
      [&] {
        check_labels(model_of_own_task({"a", "b"}), task({"b", "a"}), "teacher");
      },
      ThrowsMessage<base::InvalidArgument>(
          "teacher: expected its labels 'a', 'b' in this order, found 'b', 'a'"));
}

TEST(CheckMaxSeqLengthTest, HasRoomForAPairAndIsWithinThePositions) {
  encoder::EncoderConfig config;
  config.max_position_embeddings = 64;
  EXPECT_NO_THROW(check_max_seq_length(5, config));
  EXPECT_NO_THROW(check_max_seq_length(64, config));
  for (const std::int64_t length : {4, 65}) {
    EXPECT_THAT([&] { check_max_seq_length(length, config); },
                ThrowsMessage<base::InvalidArgument>(base::concat(
                    "max_seq_length: expected 5 to 64 (max_position_embeddings), found ", length)));
  }
}

}  // namespace
}  // namespace kdqat::data
