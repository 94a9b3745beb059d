#include "kdqat/evaluate/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/random.h"
#include "tests/support/tensors.h"
#include "tests/support/tiny_bert.h"

namespace kdqat::evaluate {
namespace {

using ::testing::ElementsAre;
using ::testing::ThrowsMessage;
using tests::same;

constexpr auto kFp32 = quant::Precision::kFp32;

/// Random sentences of 3 to 12 of tiny-bert's tokens.
data::Dataset random_dataset(std::int64_t size) {
  base::Random random(5);
  data::Dataset dataset;
  for (std::int64_t i = 0; i < size; ++i) {
    text::Encoding encoding;
    const std::uint64_t length = 3 + random.below(10);
    for (std::uint64_t token = 0; token < length; ++token) {
      encoding.input_ids.push_back(static_cast<std::int32_t>(random.below(120)));
      encoding.token_type_ids.push_back(token < length / 2 ? 0 : 1);
    }
    dataset.encodings.push_back(encoding);
    dataset.labels.push_back(static_cast<double>(random.below(3)));
  }
  return dataset;
}

/// A classifier whose logits are its bias, whatever the sentence.
model::Classifier constant_classifier(const std::vector<float>& logits) {
  const model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  encoder::EncoderConfig config = teacher.config();
  config.num_labels = static_cast<std::int64_t>(logits.size());
  model::Weights weights = model::Classifier(teacher).weights();
  weights.classifier = {.weight = torch::zeros({config.num_labels, 32}), .bias = torch::tensor(logits)};
  return {config, std::nullopt, weights};
}

data::Task three_classes() {
  return {.name = "custom", .labels = {"a", "b", "c"}, .label_values = {"a", "b", "c"}};
}

TEST(PredictTest, AnswersInTheDatasetsOrderInBatchesOf32) {
  // With one scale a tensor the sentences of a batch influence each other, so other batches would give other
  // logits.
  const torch::NoGradGuard no_grad;
  const model::Classifier student = tests::load_tiny_bert("student.safetensors", tests::tiny_quantization(2));
  const data::Dataset dataset = random_dataset(70);
  const Predictions answers = predict(student, dataset, kFp32);
  std::vector<torch::Tensor> expected;
  for (const auto& [first, last] : {std::pair(0, 32), std::pair(32, 64), std::pair(64, 70)}) {
    std::vector<std::int64_t> indices;
    for (std::int64_t i = first; i < last; ++i) indices.push_back(i);
    expected.push_back(student.forward(dataset.batch(indices)).logits);
  }
  EXPECT_TRUE(same(answers.logits, torch::cat(expected)));
  ASSERT_EQ(answers.predictions.size(), 70U);
  for (std::int64_t i = 0; i < 70; ++i) {
    EXPECT_EQ(answers.predictions[static_cast<std::size_t>(i)], answers.logits[i].argmax().item<double>())
        << i;
  }
}

TEST(PredictTest, TellsItsProgressAfterEachBatch) {
  const model::Classifier classifier = constant_classifier({1.0F, 2.0F});
  std::vector<std::int64_t> done;
  predict(classifier, random_dataset(70), kFp32, [&](std::int64_t examples) { done.push_back(examples); });
  EXPECT_THAT(done, ElementsAre(32, 64, 70));
}

TEST(PredictTest, OfEqualLogitsTheFirstClassIsTheAnswer) {
  EXPECT_THAT(predict(constant_classifier({1.0F, 2.0F, 2.0F}), random_dataset(2), kFp32).predictions,
              ElementsAre(1, 1));
}

TEST(PredictTest, OfARegressionTheLogitIsTheAnswer) {
  EXPECT_THAT(predict(constant_classifier({3.25F}), random_dataset(2), kFp32).predictions,
              ElementsAre(3.25, 3.25));
}

TEST(PredictTest, DropsNothingOut) {
  model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  const data::Dataset dataset = random_dataset(3);
  const torch::Tensor expected = predict(teacher, dataset, kFp32).logits;
  tests::set_hidden_dropout(teacher, 0.5);
  EXPECT_TRUE(same(predict(teacher, dataset, kFp32).logits, expected));
}

TEST(EvaluateTest, JudgesThePredictionsByTheTasksMetrics) {
  data::Dataset dataset = random_dataset(40);
  double ones = 0.0;
  for (const double label : dataset.labels) ones += label == 1.0 ? 1.0 : 0.0;
  const Evaluation evaluation =
      evaluate(constant_classifier({0.0F, 5.0F, 1.0F}), three_classes(), dataset, kFp32);
  EXPECT_EQ(evaluation.metric, "accuracy");
  EXPECT_EQ(evaluation.examples, 40);
  EXPECT_DOUBLE_EQ(evaluation.score, ones / 40.0);
}

TEST(EvaluateTest, RefusesLogitsThatAreNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    EXPECT_THAT(
        [&] {
          evaluate(constant_classifier({0.0F, bad, 0.0F}), three_classes(), random_dataset(2), kFp32);
        },
        ThrowsMessage<base::NumericError>("evaluation: expected finite logits, found NaN or infinity"));
  }
}

}  // namespace
}  // namespace kdqat::evaluate
