#include "kdqat/convert/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"
#include "kdqat/model/pretrained.h"
#include "kdqat/runtime/engine.h"
#include "tests/convert/student_directory.h"

namespace kdqat::convert {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Sentences of different lengths.
std::vector<text::Encoding> sentences(std::int64_t vocab_size) {
  std::vector<text::Encoding> result;
  for (const std::int64_t length : {1, 2, 7, 12, 5, 3, 11}) {
    text::Encoding sentence;
    for (std::int64_t i = 0; i < length; ++i) {
      sentence.input_ids.push_back(static_cast<std::int32_t>((17 * length + 29 * i) % vocab_size));
      sentence.token_type_ids.push_back(2 * i >= length ? 1 : 0);
    }
    result.push_back(std::move(sentence));
  }
  return result;
}

torch::Tensor logits_in_training(const std::filesystem::path& dir,
                                 const std::vector<text::Encoding>& sentences) {
  const model::Classifier classifier = model::load_classifier(dir).classifier;
  std::vector<const text::Encoding*> pointers;
  for (const text::Encoding& sentence : sentences) pointers.push_back(&sentence);
  const torch::NoGradGuard no_grad;
  return classifier.forward(data::make_batch(pointers, std::vector<double>(sentences.size()), false), {})
      .logits;
}

// All but the classifier's sums and tanh is the same code on the same codes, so every integer is the same,
// and what differs is a few roundings of values up to some units.
TEST(PackTest, TheEngineComputesWhatTrainingEvaluates) {
  for (const int weight_bits : {2, 4, 8}) {
    for (const int embedding_bits : {2, 4, 8, 32}) {
      for (const char* granularity : {"tensor", "row"}) {
        SCOPED_TRACE(base::concat(weight_bits, " and ", embedding_bits, " bits, a scale a ", granularity));
        const StudentDirectory student(nlohmann::json{{"weight_bits", weight_bits},
                                                      {"embedding_bits", embedding_bits},
                                                      {"activation_bits", 8},
                                                      {"weight_granularity", granularity}});
        const std::int64_t bytes = pack(student.path(), student.packed());
        EXPECT_EQ(bytes, static_cast<std::int64_t>(std::filesystem::file_size(student.packed())));
        const runtime::Engine engine(student.packed());
        const std::vector<text::Encoding> batch = sentences(engine.vocab_size());
        const std::vector<runtime::Classification> answers = engine.classify(batch);
        const torch::Tensor expected = logits_in_training(student.path(), batch);
        for (std::size_t i = 0; i < batch.size(); ++i) {
          for (std::size_t c = 0; c < answers[i].logits.size(); ++c) {
            EXPECT_NEAR(answers[i].logits[c],
                        expected[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(c)].item<float>(),
                        2e-6)
                << "sentence " << i;
          }
        }
      }
    }
  }
}

TEST(PackTest, TheFileKeepsTheConfigurationAndTheTokenizer) {
  const StudentDirectory student(nlohmann::json{{"weight_bits", 2}});
  pack(student.path(), student.packed());
  const runtime::Engine engine(student.packed());
  EXPECT_EQ(engine.config().at("kdqat").at("quantization").at("weight_bits"), 2);
  EXPECT_EQ(engine.max_seq_length(), 12);
  EXPECT_EQ(engine.encode({.text = "token7 TOKEN9 other"}).input_ids,
            (std::vector<std::int32_t>{2, 7, 9, 1, 3}));
}

TEST(PackTest, WhatTheRuntimeCantRunIsRefused) {
  const auto refuses = [](const nlohmann::json& quantization, const std::string& message) {
    const StudentDirectory student(quantization);
    EXPECT_THAT(
        [&] { pack(student.path(), student.packed()); },
        ThrowsMessage<base::InvalidArgument>(AllOf(HasSubstr(student.path().string()), HasSubstr(message))));
    EXPECT_FALSE(std::filesystem::exists(student.packed()));
  };
  refuses({{"weight_bits", 32}}, "expected weights of 2, 4 or 8 bits");
  refuses({{"activation_bits", 32}}, "expected weights of 2, 4 or 8 bits");
  refuses({{"activation_granularity", "tensor"}}, "with a scale a token");
  const model::CheckpointDirectory teacher;
  EXPECT_THAT([&] { pack(teacher.write(), "unused"); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("expected a student")));
}

}  // namespace
}  // namespace kdqat::convert
