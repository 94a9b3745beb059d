#include "kdqat/evaluate/task_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "tests/model/checkpoint_directory.h"

namespace kdqat::evaluate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// tiny-bert as trained for one's own task of three classes, and a split of it.
class TaskModelTest : public ::testing::Test {
 protected:
  TaskModelTest() {
    directory_.config["kdqat"] = {
        {"task", data::to_json(data::make_custom_task({.labels = {"a", "b", "c"}}))},
        {"max_seq_length", 12},
        {"precision", "bf16"}};
    dir_ = directory_.write();
    std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    for (std::int64_t id = 5; id < directory_.config.at("vocab_size").get<std::int64_t>(); ++id)
      vocabulary += base::concat("token", id, '\n');
    base::write_file_atomically(dir_ / "vocab.txt", vocabulary);
    std::string text;
    for (int i = 0; i < 20; ++i) text += " token7";
    base::write_file_atomically(data_ / "dev.tsv", base::concat("text\tlabel\n", text, "\tb\ntoken8\tc\n"));
  }

  TaskModelSource source() const {
    return {.model_dir = dir_, .task = "custom", .training_data = data_.path()};
  }

  model::CheckpointDirectory directory_;
  test::TemporaryDirectory data_;
  std::filesystem::path dir_;
};

TEST_F(TaskModelTest, HasWhatTheModelWasTrainedWith) {
  const TaskModel model = load_task_model(source());
  EXPECT_THAT(model.task.labels, ElementsAre("a", "b", "c"));
  EXPECT_EQ(model.settings.max_seq_length, 12);
  EXPECT_EQ(model.settings.precision, quant::Precision::kBf16);
  EXPECT_EQ(model.tokenizer.vocab_size(), model.classifier.config().vocab_size);
}

TEST_F(TaskModelTest, ASplitIsCutAsTheModelWasTrainedOrAsAsked) {
  const TaskModel model = load_task_model(source());
  EXPECT_THAT(load_split(model, data_.path(), "dev").lengths(), ElementsAre(12, 3));
  EXPECT_THAT(load_split(model, data_.path(), "dev", 6).lengths(), ElementsAre(6, 3));
  EXPECT_THAT([&] { load_split(model, data_.path(), "dev", 4); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("max_seq_length: expected 5 to 32")));
}

TEST_F(TaskModelTest, RefusesATaskOfOtherLabels) {
  TaskModelSource other = source();
  other.task = "rte";
  EXPECT_THAT([&] { load_task_model(other); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("expected a classifier with 2 labels")));
}

}  // namespace
}  // namespace kdqat::evaluate
