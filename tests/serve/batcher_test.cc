#include "kdqat/serve/batcher.h"

#include <gmock/gmock.h>

#include "tests/serve/sample_model.h"

namespace kdqat::serve {
namespace {

class BatcherTest : public testing::Test {
 protected:
  /// `count` sentences that begin with different words.
  std::vector<text::Encoding> sentences(std::size_t count, std::size_t first = 0) const {
    const std::vector<std::string> words = {"a", "fine", "film", "bad", "the", "films", "!"};
    std::vector<text::Encoding> result;
    for (std::size_t i = first; i < first + count; ++i) {
      const std::string text = words[i % words.size()] + " " + words[i * i % words.size()];
      result.push_back(engine_.encode({.text = text}));
    }
    return result;
  }

  SampleModel model_;
  runtime::Engine engine_{model_.path(), {.threads = 1}};
  Metrics metrics_;
};

TEST_F(BatcherTest, EachRequestGetsTheAnswersOfItsOwnSentences) {
  Batcher batcher(engine_, {.batch_tokens = 40}, metrics_);
  std::vector<std::future<Answer>> classified;
  std::vector<std::future<Answer>> embedded;
  for (std::size_t i = 0; i < 50; ++i) {
    classified.push_back(batcher.submit(Question::kClassify, sentences(1 + i % 5, i)));
    if (i % 3 == 0) embedded.push_back(batcher.submit(Question::kEmbed, sentences(1 + i % 5, i)));
  }
  for (std::size_t i = 0; i < 50; ++i) {
    const auto found = std::get<0>(classified[i].get());
    const auto expected = engine_.classify(sentences(1 + i % 5, i));
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t s = 0; s < found.size(); ++s) EXPECT_EQ(found[s].logits, expected[s].logits) << i;
    if (i % 3 == 0) {
      EXPECT_EQ(std::get<1>(embedded[i / 3].get()), engine_.embed(sentences(1 + i % 5, i)));
    }
  }
}

TEST_F(BatcherTest, RequestsThatWaitAreAnsweredTogetherUpToTheBudget) {
  {
    Batcher batcher(engine_, {.batch_tokens = 100, .queue_tokens = 1 << 20}, metrics_);
    // While this one runs, the others come.
    auto first = batcher.submit(Question::kClassify, sentences(20000));
    std::vector<std::future<Answer>> others;
    for (int i = 0; i < 200; ++i) others.push_back(batcher.submit(Question::kClassify, sentences(1)));
    first.get();
  }
  // 4 tokens a sentence, 25 of them a call: 9 calls where none came too late, at most 201.
  const std::string text = metrics_.text();
  EXPECT_THAT(text, testing::HasSubstr("kdqat_batch_sentences_sum 20200\n"));
  EXPECT_THAT(text, testing::HasSubstr("kdqat_queue_requests 0\n"));
  EXPECT_THAT(text, testing::HasSubstr("kdqat_queue_tokens 0\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("kdqat_batch_requests_count 201\n")));
}

TEST_F(BatcherTest, AFullQueueRefuses) {
  Batcher batcher(engine_, {.queue_tokens = 1000}, metrics_);
  std::vector<std::future<Answer>> futures;
  const std::vector<text::Encoding> request = sentences(200);
  // Requests come much faster than they are answered.
  EXPECT_THROW(
      {
        for (int i = 0; i < 100000; ++i) futures.push_back(batcher.submit(Question::kClassify, request));
      },
      QueueFull);
  for (auto& future : futures) EXPECT_EQ(std::get<0>(future.get()).size(), 200U);
}

TEST_F(BatcherTest, TheEndAnswersWhatWaits) {
  std::vector<std::future<Answer>> futures;
  {
    Batcher batcher(engine_, {}, metrics_);
    for (int i = 0; i < 100; ++i) futures.push_back(batcher.submit(Question::kClassify, sentences(3)));
  }
  for (auto& future : futures) EXPECT_EQ(std::get<0>(future.get()).size(), 3U);
}

TEST_F(BatcherTest, WhatTheEngineThrowsComesBack) {
  Batcher batcher(engine_, {}, metrics_);
  auto future = batcher.submit(Question::kClassify, {{.input_ids = {99}, .token_type_ids = {0}}});
  EXPECT_THROW(future.get(), base::InvalidArgument);
}

}  // namespace
}  // namespace kdqat::serve
