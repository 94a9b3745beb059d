#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/runtime/engine.h"
#include "kdqat/runtime/kdqat.h"
#include "tests/base/temporary_directory.h"
#include "tests/runtime/packed_file.h"

namespace kdqat::runtime {
namespace {

using ::testing::HasSubstr;

TEST(CApiTest, AnswersAsTheEngineDoes) {
  const test::TemporaryDirectory directory;
  const std::filesystem::path path = PackedFile().write(directory / "student.safetensors");
  kdqat_engine* c_engine = kdqat_open(path.c_str(), 1);
  ASSERT_NE(c_engine, nullptr) << kdqat_last_error();
  const Engine engine(path, {.threads = 1});
  const char* texts[] = {"a fine film", "bad"};
  const char* pairs[] = {nullptr, "the film"};
  std::vector<double> scores(2 * kdqat_num_scores(c_engine));
  ASSERT_EQ(kdqat_classify(c_engine, texts, pairs, 2, scores.data()), 0);
  std::vector<float> embeddings(2 * kdqat_embedding_size(c_engine));
  ASSERT_EQ(kdqat_embed(c_engine, texts, pairs, 2, embeddings.data()), 0);

  const std::vector<Text> same = {{.text = "a fine film"}, {.text = "bad", .pair = "the film"}};
  std::vector<double> expected;
  for (const Classification& answer : engine.classify(same)) {
    expected.insert(expected.end(), answer.scores.begin(), answer.scores.end());
  }
  EXPECT_EQ(scores, expected);
  EXPECT_EQ(embeddings, engine.embed(same));
  EXPECT_STREQ(kdqat_label(c_engine, 1), "LABEL_1");
  EXPECT_EQ(kdqat_label(c_engine, 3), nullptr);
  kdqat_close(c_engine);
}

TEST(CApiTest, TellsWhatWentWrong) {
  EXPECT_EQ(kdqat_open("no-such-file", 1), nullptr);
  EXPECT_THAT(kdqat_last_error(), HasSubstr("no-such-file"));
  const test::TemporaryDirectory directory;
  kdqat_engine* engine = kdqat_open(PackedFile().write(directory / "student.safetensors").c_str(), 1);
  const char* text = "\xFF";
  double scores[3];
  EXPECT_NE(kdqat_classify(engine, &text, nullptr, 1, scores), 0);
  EXPECT_THAT(kdqat_last_error(), HasSubstr("expected UTF-8"));
  kdqat_close(engine);
  kdqat_close(nullptr);
}

}  // namespace
}  // namespace kdqat::runtime
