#include "kdqat/runtime/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <thread>

#include "kdqat/base/error.h"
#include "tests/base/temporary_directory.h"
#include "tests/runtime/packed_file.h"

namespace kdqat::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class EngineTest : public ::testing::Test {
 protected:
  Engine engine(const EngineOptions& options = {}, const PackedFile& file = PackedFile()) const {
    return Engine(file.write(directory_.path() / "student.safetensors"), options);
  }

  test::TemporaryDirectory directory_;
};

/// Sentences of 1, 2, ... tokens.
std::vector<text::Encoding> sentences(std::size_t count) {
  std::vector<text::Encoding> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k <= i % static_cast<std::size_t>(PackedFile::kPositions); ++k) {
      result[i].input_ids.push_back(static_cast<std::int32_t>((7 * i + 5 * k) % 12));
      result[i].token_type_ids.push_back(k > 3 ? 1 : 0);
    }
  }
  return result;
}

std::vector<std::vector<float>> logits_of(const std::vector<Classification>& answers) {
  std::vector<std::vector<float>> logits;
  for (const Classification& answer : answers) logits.push_back(answer.logits);
  return logits;
}

TEST_F(EngineTest, TextsAreTheSentencesThatTheTokenizerMakesOfThem) {
  const Engine engine = this->engine();
  const std::vector<text::Encoding> ids = {
      {.input_ids = {2, 5, 6, 7, 8, 9, 3}, .token_type_ids = {0, 0, 0, 0, 0, 0, 0}},
      {.input_ids = {2, 10, 3, 11, 7, 3}, .token_type_ids = {0, 0, 0, 1, 1, 1}}};
  const std::vector<Text> texts = {{.text = "A fine films!"}, {.text = "bad", .pair = "the film"}};
  EXPECT_EQ(logits_of(engine.classify(texts)), logits_of(engine.classify(ids)));
  EXPECT_EQ(engine.embed(texts), engine.embed(ids));
}

TEST_F(EngineTest, TextsAreCutAtTheModelsLengthOrAnother) {
  const Text text{.text = "a a a a a a a a a a a a"};
  EXPECT_EQ(engine().encode(text).input_ids.size(), 10U);
  EXPECT_EQ(engine({.max_seq_length = 5}).encode(text).input_ids.size(), 5U);
}

TEST_F(EngineTest, AnAnswerDependsNeitherOnTheBatchNorOnThreadsNorOnTheInstructionSet) {
  for (const int bits : {2, 4, 8}) {
    const PackedFile file(bits, bits == 2 ? 2 : 32);
    const std::vector<text::Encoding> batch = sentences(70);
    const auto expected = logits_of(engine({.threads = 1}, file).classify(batch));
    const std::vector<float> embeddings = engine({.threads = 1}, file).embed(batch);
    for (const simd::InstructionSet set : simd::available_instruction_sets()) {
      for (const int threads : {1, 2, 3}) {
        const Engine engine = this->engine({.threads = threads, .instruction_set = set}, file);
        EXPECT_EQ(logits_of(engine.classify(batch)), expected)
            << simd::name_of(set) << ", " << threads << " threads";
        EXPECT_EQ(engine.embed(batch), embeddings);
        EXPECT_EQ(engine.classify({&batch[5], 1})[0].logits, expected[5]);
      }
    }
  }
}

TEST_F(EngineTest, ScoresAreTheSoftmaxOfTheLogits) {
  for (const Classification& answer : engine().classify(sentences(9))) {
    double sum = 0.0;
    for (const float logit : answer.logits) sum += std::exp(static_cast<double>(logit));
    for (std::size_t c = 0; c < 3; ++c) {
      EXPECT_NEAR(answer.scores[c], std::exp(static_cast<double>(answer.logits[c])) / sum, 1e-12);
      EXPECT_LE(answer.logits[c], answer.logits[static_cast<std::size_t>(answer.label)]);
    }
  }
}

TEST_F(EngineTest, ARegressionAnswersWithItsValue) {
  const Engine engine = this->engine({}, PackedFile(2, 2, 1));
  EXPECT_TRUE(engine.is_regression());
  const Classification answer = engine.classify(sentences(3))[2];
  EXPECT_EQ(answer.scores, std::vector<double>{static_cast<double>(answer.logits[0])});
}

TEST_F(EngineTest, AnEmptyBatchHasNoAnswers) {
  EXPECT_TRUE(engine().classify(std::vector<Text>{}).empty());
  EXPECT_TRUE(engine().embed(std::vector<Text>{}).empty());
}

TEST_F(EngineTest, ThreadsMayShareAnEngine) {
  const Engine engine = this->engine({.threads = 2});
  const std::vector<text::Encoding> batch = sentences(40);
  const auto expected = logits_of(engine.classify(batch));
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) wrong += logits_of(engine.classify(batch)) == expected ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(EngineTest, SentencesThatTheModelCantTakeAreRefusedByTheirPosition) {
  const Engine engine = this->engine();
  const auto refuses = [&](const text::Encoding& sentence, const std::string& message) {
    std::vector<text::Encoding> batch = sentences(2);
    batch.push_back(sentence);
    EXPECT_THAT([&] { engine.classify(batch); }, ThrowsMessage<base::InvalidArgument>(HasSubstr(message)));
  };
  refuses({}, "sentence 2: expected from 1 to 16 tokens, found 0");
  refuses({.input_ids = std::vector<std::int32_t>(17, 1), .token_type_ids = std::vector<std::int32_t>(17, 0)},
          "sentence 2: expected from 1 to 16 tokens, found 17");
  refuses({.input_ids = {1, 12}, .token_type_ids = {0, 0}},
          "sentence 2: token id: expected 0 to 11, found 12");
  refuses({.input_ids = {-1}, .token_type_ids = {0}}, "token id: expected 0 to 11, found -1");
  refuses({.input_ids = {1}, .token_type_ids = {2}}, "sentence 2: type: expected 0 to 1, found 2");
  refuses({.input_ids = {1, 2}, .token_type_ids = {0}}, "expected a type for each of its 2 tokens, found 1");
  EXPECT_THAT(
      [&] {
        engine.classify(std::vector<Text>{{.text = "a"}, {.text = "\xFF"}});
      },
      ThrowsMessage<base::InvalidArgument>(HasSubstr("text 1: text: expected UTF-8")));
}

TEST_F(EngineTest, OptionsThatCantBeMetAreRefused) {
  EXPECT_THAT([&] { engine({.threads = -1}); }, ThrowsMessage<base::InvalidArgument>(HasSubstr("found -1")));
  EXPECT_THAT([&] { engine({.max_seq_length = 17}); },
              ThrowsMessage<base::InvalidArgument>(
                  HasSubstr("expected from 3 to 16, the model's positions, found 17")));
#if defined(__x86_64__)
  EXPECT_THAT([&] { engine({.instruction_set = simd::InstructionSet::kNeon}); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("this processor has no neon")));
#endif
}

}  // namespace
}  // namespace kdqat::runtime
