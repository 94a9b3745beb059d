#include "kdqat/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/data/task.h"
#include "kdqat/text/bert_document.h"

namespace kdqat::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

text::Tokenizer make_tokenizer() {
  return text::make_bert_tokenizer({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"});
}

class DatasetTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  Dataset load(const std::string& task, const std::string& content, std::int64_t max_seq_length = 8) {
    base::write_file_atomically(path_, content);
    return load_dataset(find_task(task), path_, make_tokenizer(), max_seq_length);
  }

  std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) + ".tsv");
};

TEST_F(DatasetTest, ExamplesKeepTheirOrderAndAreCutAtTheLength) {
  const Dataset dataset = load("sst-2", "sentence\tlabel\ngood film\t1\nbad bad bad bad\t0\n", 5);
  EXPECT_EQ(dataset.size(), 2);
  EXPECT_FALSE(dataset.regression);
  EXPECT_THAT(dataset.labels, ElementsAre(1.0, 0.0));
  EXPECT_THAT(dataset.lengths(), ElementsAre(4, 5));
  EXPECT_THAT(dataset.encodings[0].input_ids, ElementsAre(2, 5, 7, 3));
}

TEST_F(DatasetTest, BatchTakesTheChosenExamplesInTheOrderAsked) {
  const Dataset dataset = load("sst-2", "sentence\tlabel\ngood\t1\nbad\t0\nfilm\t1\n");
  const Batch batch = dataset.batch(std::vector<std::int64_t>{2, 0});
  EXPECT_TRUE(torch::equal(batch.input_ids, torch::tensor({2, 7, 3, 2, 5, 3}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.labels, torch::tensor({1, 1}, torch::kInt64)));
}

TEST_F(DatasetTest, PairsHaveTheirTokenTypes) {
  const Dataset dataset = load("rte", "index\tsentence1\tsentence2\tlabel\n0\tgood film\tbad\tentailment\n");
  EXPECT_THAT(dataset.encodings[0].token_type_ids, ElementsAre(0, 0, 0, 0, 1, 1));
}

TEST_F(DatasetTest, AnErrorInAThreadReachesTheCaller) {
  EXPECT_THAT([&] { load("sst-2", "sentence\tlabel\ngood\t1\n", /*max_seq_length=*/1); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("found 1")));
}

}  // namespace
}  // namespace kdqat::data
