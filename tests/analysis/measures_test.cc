// Similarity, norms, ranges and errors of layers: properties that hold for any model.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kdqat/analysis/dynamic_range.h"
#include "kdqat/analysis/norm_analysis.h"
#include "kdqat/analysis/quantization_error.h"
#include "kdqat/analysis/similarity.h"
#include "kdqat/base/error.h"
#include "tests/support/tensors.h"
#include "tests/support/tiny_bert.h"

namespace kdqat::analysis {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(StatisticsTest, ValuesThatAreMissingCountInNoMean) {
  StatisticsBuilder builder;
  builder.add({1.0, std::nan("")});
  builder.add({4.0, 5.0}, 2.0);
  const Statistics statistics = builder.build();
  EXPECT_EQ(statistics.mean, (std::vector{3.0, 5.0}));
  EXPECT_NEAR(statistics.deviation[0], std::sqrt(2.0), 1e-12);
  EXPECT_EQ(statistics.deviation[1], 0.0);
}

TEST(CkaTest, IsOneUpToRotationAndScale) {
  const torch::Tensor x = tests::random_tensor(1, {40, 6});
  const torch::Tensor rotation = std::get<0>(torch::linalg_qr(tests::random_tensor(2, {6, 6})));
  EXPECT_NEAR(linear_cka(x, torch::matmul(x, rotation) * 3 + 7), 1.0, 1e-6);
}

TEST(CkaTest, IsZeroForWhatHasNothingInCommonAndSymmetric) {
  const torch::Tensor x = torch::tensor({{1.0, 0.0}, {-1.0, 0.0}, {0.0, 0.0}, {0.0, 0.0}});
  const torch::Tensor y = torch::tensor({{0.0}, {0.0}, {1.0}, {-1.0}});
  EXPECT_EQ(linear_cka(x, y), 0.0);
  const torch::Tensor a = tests::random_tensor(3, {20, 4});
  const torch::Tensor b = tests::random_tensor(4, {20, 5});
  EXPECT_NEAR(linear_cka(a, b), linear_cka(b, a), 1e-12);
  EXPECT_THAT([&] { linear_cka(a, x); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("found [20, 4] and [4, 2]")));
}

TEST(CkaTest, BatchesOfOneModelAreOneRepresentation) {
  model::Signals first;
  model::Signals second;
  first.hidden_states = {tests::random_tensor(5, {10, 4})};
  second.hidden_states = {tests::random_tensor(6, {7, 4})};
  HiddenSimilarity similarity;
  similarity.add(first, first);
  similarity.add(second, second);
  EXPECT_NEAR(similarity.matrix()[0][0], 1.0, 1e-12);
}

TEST(DynamicRangeTest, AnUnknownSignalIsRefused) {
  EXPECT_THAT([] { dynamic_range({}, "logits"); },
              ThrowsMessage<base::InvalidArgument>(
                  "signal: expected attention_output, sa_output or context, found 'logits'"));
}

TEST(NormAnalysisTest, OfAStudentItIsTheContextThatTheModelProjects) {
  // With one key there is one way: a is 1 in every head, so the sum over heads is sa_output without its bias,
  // up to the quantization of the context.
  format::QuantizationConfig quantization =
      tests::tiny_quantization(2, format::ActivationGranularity::kToken);
  model::Classifier student = tests::load_tiny_bert("student.safetensors", quantization);
  data::Batch batch = tests::load_tiny_batch();
  batch.input_ids = batch.input_ids.slice(0, 0, 1);
  batch.token_type_ids = batch.token_type_ids.slice(0, 0, 1);
  batch.position_ids = batch.position_ids.slice(0, 0, 1);
  batch.first_tokens = batch.first_tokens.slice(0, 0, 1);
  batch.cu_seqlens = {0, 1};
  const torch::NoGradGuard no_grad;
  const model::Signals signals = student.forward(batch);
  const std::vector<AttentionNorms> norms = NormAnalysis(student).norms(batch, signals);
  for (std::size_t layer = 0; layer < norms.size(); ++layer) {
    const torch::Tensor& bias = student.weights().layers[layer].attention_output.bias;
    const double expected = (signals.sa_output[layer] - bias).norm().item<double>();
    // 127 levels of the context, of which each is off by half of one at most.
    EXPECT_NEAR(norms[layer].summed[0].item<double>(), expected, 0.02 * expected);
  }
}

TEST(NormDifferencesTest, AModelDoesNotDifferFromItself) {
  model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  const data::Batch batch = tests::load_tiny_batch("ragged-batch.safetensors");
  const torch::NoGradGuard no_grad;
  const model::Signals signals = teacher.forward(batch);
  const std::vector<AttentionNorms> norms = NormAnalysis(teacher).norms(batch, signals);
  std::vector<TokenClass> classes(static_cast<std::size_t>(batch.tokens()), TokenClass::kOther);
  for (std::size_t b = 0; b + 1 < batch.cu_seqlens.size(); ++b) {
    classes[static_cast<std::size_t>(batch.cu_seqlens[b])] = TokenClass::kCls;
  }
  NormDifferences differences;
  differences.add({norms, signals}, {norms, signals}, batch, classes);
  const std::vector<double> mean = differences.f_x().mean;
  ASSERT_EQ(mean.size(), 2 * kTokenClassNames.size());
  EXPECT_EQ(mean[0], 0.0);           // [CLS]
  EXPECT_TRUE(std::isnan(mean[1]));  // no [SEP]
  EXPECT_EQ(differences.alpha_f_x_by_head().mean, std::vector<double>(8, 0.0));
  classes.pop_back();
  EXPECT_THAT(
      [&] {
        differences.add({norms, signals}, {norms, signals}, batch, classes);
      },
      ThrowsMessage<base::InvalidArgument>(HasSubstr("expected 2 layers and 34 classes, found 2 and 33")));
}

TEST(QuantizationErrorTest, SourcesAreThoseThatAreQuantized) {
  const data::Batch batch = tests::load_tiny_batch();
  const auto errors_at = [&](int weight_bits, int activation_bits) {
    format::QuantizationConfig quantization = tests::tiny_quantization(weight_bits);
    quantization.activation_bits = activation_bits;
    QuantizationError errors(tests::load_tiny_bert("student.safetensors", quantization));
    errors.add(batch);
    return errors;
  };
  const QuantizationError weights_only = errors_at(2, 32);
  EXPECT_EQ(weights_only.activations().mean, (std::vector{0.0, 0.0}));
  EXPECT_GT(weights_only.weights().mean[0], 0.0);
  const QuantizationError activations_only = errors_at(32, 8);
  EXPECT_EQ(activations_only.weights().mean, (std::vector{0.0, 0.0}));
  EXPECT_EQ(activations_only.inherited().mean[0], 0.0);  // the embeddings are not quantized
  EXPECT_GT(activations_only.inherited().mean[1], 0.0);
  EXPECT_EQ(activations_only.total().mean[0], activations_only.activations().mean[0]);
}

TEST(QuantizationErrorTest, AModelInFloatingPointIsRefused) {
  const model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  EXPECT_THAT(
      [&] { QuantizationError errors(teacher); },
      ThrowsMessage<base::InvalidArgument>("quantization error: expected a quantized student, found none"));
}

}  // namespace
}  // namespace kdqat::analysis
