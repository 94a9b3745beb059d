#include "kdqat/model/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/support/tensors.h"
#include "tests/support/tiny_bert.h"

namespace kdqat::model {
namespace {

using format::ActivationGranularity;
using quant::Granularity;
using quant::Quantizer;
using ::testing::ThrowsMessage;
using tests::all_within;
using tests::load_tiny_batch;
using tests::load_tiny_bert;
using tests::same;

format::QuantizationConfig bits(int weights, int embedding, int activations) {
  return {.weight_bits = weights, .embedding_bits = embedding, .activation_bits = activations};
}

std::vector<torch::Tensor> all_signals(const Signals& signals) {
  std::vector<torch::Tensor> all = {signals.logits};
  for (const auto list : {&Signals::hidden_states, &Signals::attention_scores, &Signals::attention_map,
                          &Signals::context, &Signals::sa_output, &Signals::attention_output}) {
    all.insert(all.end(), (signals.*list).begin(), (signals.*list).end());
  }
  return all;
}

Signals evaluated(const Classifier& classifier, const data::Batch& batch,
                  const ForwardOptions& options = {}) {
  const torch::NoGradGuard no_grad;
  return classifier.forward(batch, options);
}

void expect_same_signals(const Signals& actual, const Signals& expected) {
  const std::vector<torch::Tensor> a = all_signals(actual);
  const std::vector<torch::Tensor> b = all_signals(expected);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(same(a[i], b[i])) << "signal " << i;
}

TEST(ClassifierTest, SignalsHaveTheirShapes) {
  const data::Batch batch = load_tiny_batch("ragged-batch.safetensors");  // 11, 4, 7, 3 and 9 tokens
  const Signals signals = evaluated(load_tiny_bert("teacher.safetensors"), batch);
  EXPECT_EQ(signals.logits.sizes(), (torch::IntArrayRef{5, 3}));
  ASSERT_EQ(signals.hidden_states.size(), 3U);
  for (const torch::Tensor& hidden : signals.hidden_states)
    EXPECT_EQ(hidden.sizes(), (torch::IntArrayRef{34, 32}));
  constexpr std::int64_t kPairs = 4 * (121 + 16 + 49 + 9 + 81);
  for (std::size_t l = 0; l < 2; ++l) {
    EXPECT_EQ(signals.attention_scores.at(l).sizes(), torch::IntArrayRef{kPairs});
    EXPECT_EQ(signals.attention_map.at(l).sizes(), torch::IntArrayRef{kPairs});
    for (const auto list : {&Signals::context, &Signals::sa_output, &Signals::attention_output}) {
      EXPECT_EQ((signals.*list).at(l).sizes(), (torch::IntArrayRef{34, 32}));
    }
  }
}

TEST(ClassifierTest, ThirtyTwoBitsAreTheTeacher) {
  Classifier teacher = load_tiny_bert("teacher.safetensors");
  const data::Batch batch = load_tiny_batch("ragged-batch.safetensors");
  const Classifier student = make_student(teacher, bits(32, 32, 32));
  for (const quant::Form form : {quant::Form::kPlain, quant::Form::kFused}) {
    expect_same_signals(evaluated(student, batch, {.dropout = {}, .form = form}),
                        evaluated(teacher, batch, {.dropout = {}, .form = form}));
  }
}

TEST(ClassifierTest, AStudentSharesNothingWithItsTeacher) {
  Classifier teacher = load_tiny_bert("teacher.safetensors");
  const data::Batch batch = load_tiny_batch();
  const Signals before = evaluated(teacher, batch);
  Classifier student = make_student(teacher, {});
  EXPECT_FALSE(teacher.quantization());
  EXPECT_EQ(student.quantization(), format::QuantizationConfig{});
  const std::vector<NamedParameter> of_teacher = teacher.parameters();
  const std::vector<NamedParameter> of_student = student.parameters();
  ASSERT_EQ(of_teacher.size(), of_student.size());
  for (std::size_t i = 0; i < of_teacher.size(); ++i) {
    EXPECT_TRUE(same(*of_student[i].tensor, *of_teacher[i].tensor)) << of_teacher[i].name;
    of_student[i].tensor->fill_(9.0);
  }
  expect_same_signals(evaluated(teacher, batch), before);
}

TEST(ClassifierTest, OnlyTheStudentRecordsGradients) {
  Classifier teacher = load_tiny_bert("teacher.safetensors");
  Classifier student = make_student(teacher, {});
  student.set_requires_grad(true);
  EXPECT_TRUE(student.forward(load_tiny_batch()).logits.requires_grad());
  EXPECT_FALSE(teacher.forward(load_tiny_batch()).logits.requires_grad());
  student.set_requires_grad(false);
  EXPECT_FALSE(student.forward(load_tiny_batch()).logits.requires_grad());
}

class DropoutTest : public ::testing::Test {
 protected:
  DropoutTest() {
    tests::set_hidden_dropout(student_, 0.1);
    student_.config().dropout.attention_map = 0.1;
  }

  Signals at(std::uint64_t seed, std::uint64_t update) const {
    return evaluated(student_, batch_, {.dropout = ForwardOptions::Dropout{.seed = seed, .update = update}});
  }

  Classifier student_ = load_tiny_bert("student.safetensors");
  data::Batch batch_ = load_tiny_batch("ragged-batch.safetensors");
};

TEST_F(DropoutTest, IsOffInEvaluationAndWithProbabilitiesOfZero) {
  const Signals evaluation = evaluated(student_, batch_);
  EXPECT_FALSE(torch::equal(at(1, 2).logits, evaluation.logits));
  tests::set_hidden_dropout(student_, 0.0);
  student_.config().dropout.attention_map = 0.0;
  expect_same_signals(at(1, 2), evaluation);
}

TEST_F(DropoutTest, DrawsTheSameAtTheSameUpdateOfARunAndElseAnew) {
  const Signals signals = at(1, 2);
  expect_same_signals(at(1, 2), signals);
  for (const Signals& other : {at(1, 3), at(2, 2)}) EXPECT_FALSE(torch::equal(other.logits, signals.logits));
}

TEST_F(DropoutTest, FollowsTheEmbeddingsNorm) {
  const torch::Tensor dropped = at(1, 2).hidden_states[0];
  const torch::Tensor whole = evaluated(student_, batch_).hidden_states[0];
  const torch::Tensor zero = dropped.eq(0.0);
  // 34 * 32 draws of 0.1: 109 +- 10.
  EXPECT_NEAR(zero.sum().item<double>(), 108.8, 50.0);
  const torch::Tensor kept = zero.logical_not();
  EXPECT_TRUE(all_within(dropped.masked_select(kept), whole.masked_select(kept) / 0.9, 1e-6));
}

TEST_F(DropoutTest, OfTheMapFollowsThePlaceThatLossesRead) {
  tests::set_hidden_dropout(student_, 0.0);
  const Signals with = at(1, 2);
  const Signals without = evaluated(student_, batch_);
  EXPECT_TRUE(same(with.attention_map[0], without.attention_map[0]));
  EXPECT_FALSE(torch::equal(with.context[0], without.context[0]));
}

TEST_F(DropoutTest, OfTheHiddenSizeFollowsSaOutputAndNoSignalHoldsItsZeros) {
  student_.config().dropout.attention_map = 0.0;
  const Signals with = at(1, 2);
  for (const auto list : {&Signals::sa_output, &Signals::context, &Signals::attention_output}) {
    EXPECT_FALSE((with.*list)[0].eq(0.0).any().item<bool>());
  }
  EXPECT_FALSE(with.hidden_states[1].eq(0.0).any().item<bool>());
}

TEST_F(DropoutTest, EveryUseInAPassDrawsAMaskOfItsOwn) {
  student_.config().dropout.attention_map = 0.0;
  student_.weights().layers[0].attention_norm = {.weight = torch::ones({32}), .bias = torch::zeros({32})};
  const Signals signals = at(1, 2);
  int rows = 0;
  int alike = 0;
  for (std::int64_t token = 0; token < 34; ++token) {
    // Where the embedding output is dropped, the norm sees what dropout leaves of sa_output: with the same
    // mask nothing, so that the values of a row would be equal there.
    const torch::Tensor values =
        signals.attention_output[0][token].masked_select(signals.hidden_states[0][token].eq(0.0));
    if (values.numel() < 2) continue;
    ++rows;
    alike += values.eq(values[0]).all().item<bool>() ? 1 : 0;
  }
  EXPECT_GT(rows, 20);
  EXPECT_LT(alike, 5);
}

TEST(ClassifierTest, AFrozenTeacherGivesTheSameBits) {
  const data::Batch batch = load_tiny_batch();
  for (const quant::Precision precision : {quant::Precision::kFp32, quant::Precision::kBf16}) {
    const ForwardOptions options{.dropout = {}, .precision = precision};
    Classifier teacher = load_tiny_bert("teacher.safetensors");
    const Signals expected = evaluated(teacher, batch, options);
    teacher.freeze(precision);
    expect_same_signals(evaluated(teacher, batch, options), expected);
  }
}

TEST(ClassifierTest, AStudentIsNotFrozen) {
  Classifier student = load_tiny_bert("student.safetensors", bits(2, 2, 8));
  EXPECT_THAT([&] { student.freeze(quant::Precision::kBf16); },
              ThrowsMessage<base::InvalidArgument>("freeze: expected a model in floating "
                                                   "point, found a student"));
}

TEST(ClassifierTest, KeepsTheChosenSignalsAlone) {
  const Classifier teacher = load_tiny_bert("teacher.safetensors");
  const data::Batch batch = load_tiny_batch();
  const Signals all = evaluated(teacher, batch);
  const Signals none = evaluated(teacher, batch, {.dropout = {}, .signals = kNoSignals});
  EXPECT_TRUE(same(none.logits, all.logits));
  EXPECT_EQ(all_signals(none).size(), 1U);
  SignalSelection map = kNoSignals;
  map.attention_map = true;
  const Signals of_map = evaluated(teacher, batch, {.dropout = {}, .signals = map});
  EXPECT_EQ(all_signals(of_map).size(), 3U);
  for (std::size_t l = 0; l < 2; ++l) EXPECT_TRUE(same(of_map.attention_map[l], all.attention_map[l]));
}

TEST(ParametersTest, NamesAndShapesAreThoseOfTheCheckpoint) {
  Classifier teacher = load_tiny_bert("teacher.safetensors");
  const auto tensors = tests::read_tensors(tests::tiny_bert_file("teacher.safetensors"));
  const auto shapes = encoder::parameter_table(teacher.config());
  const std::vector<NamedParameter> parameters = teacher.parameters();
  ASSERT_EQ(parameters.size(), tensors.size());
  ASSERT_EQ(shapes.size(), tensors.size());
  std::int64_t count = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_EQ(shapes[i].name, parameters[i].name);
    EXPECT_EQ(tensors.at(parameters[i].name).sizes(), torch::IntArrayRef(shapes[i].shape))
        << parameters[i].name;
    count += tensors.at(parameters[i].name).numel();
  }
  EXPECT_EQ(encoder::count_parameters(teacher.config()), count);
}

TEST(ParametersTest, BertBaseHasItsKnownNumberOfParameters) {
  encoder::EncoderConfig config;
  config.num_labels = 2;
  EXPECT_EQ(encoder::count_parameters(config),
            109483778);  // BertForSequenceClassification of bert-base-uncased
}

TEST(WeightQuantizerTest, TheWidthsChooseTheQuantizers) {
  encoder::ParameterInfo linear;
  linear.quantized_as = encoder::QuantizedAs::kLinear;
  encoder::ParameterInfo embedding;
  embedding.quantized_as = encoder::QuantizedAs::kWordEmbeddings;
  EXPECT_EQ(weight_quantizer(linear, bits(2, 32, 8)), Quantizer::kTernary);
  EXPECT_EQ(weight_quantizer(linear, bits(4, 32, 8)), Quantizer::kTwnUniform4);
  EXPECT_EQ(weight_quantizer(linear, bits(8, 32, 8)), Quantizer::kSymmetric8);
  EXPECT_EQ(weight_quantizer(linear, bits(32, 2, 8)), std::nullopt);
  EXPECT_EQ(weight_quantizer(embedding, bits(32, 2, 8)), Quantizer::kTernary);
  EXPECT_EQ(weight_quantizer(embedding, bits(32, 4, 8)), Quantizer::kTwnUniform4);
  EXPECT_EQ(weight_quantizer(embedding, bits(32, 8, 8)), Quantizer::kTwnUniform8);
  EXPECT_EQ(weight_quantizer(embedding, bits(2, 32, 8)), std::nullopt);
}

TEST(WeightQuantizerTest, QuantizesTheEncodersLinearsThePoolerAndTheWordEmbedding) {
  Classifier teacher = load_tiny_bert("teacher.safetensors");
  std::set<std::string> quantized;
  for (const NamedParameter& parameter : teacher.parameters()) {
    if (weight_quantizer(parameter, {})) quantized.insert(parameter.name);
  }
  std::set<std::string> expected = {"bert.embeddings.word_embeddings.weight", "bert.pooler.dense.weight"};
  for (const std::string layer : {"bert.encoder.layer.0.", "bert.encoder.layer.1."}) {
    for (const std::string name : {"attention.self.query", "attention.self.key", "attention.self.value",
                                   "attention.output.dense", "intermediate.dense", "output.dense"}) {
      expected.insert(layer + name + ".weight");
    }
  }
  EXPECT_EQ(quantized, expected);
}

TEST(WeightQuantizerTest, TheWordEmbeddingHasAScaleARowAndLinearsAsConfigured) {
  format::QuantizationConfig config;
  encoder::ParameterInfo linear;
  linear.quantized_as = encoder::QuantizedAs::kLinear;
  encoder::ParameterInfo embedding;
  embedding.quantized_as = encoder::QuantizedAs::kWordEmbeddings;
  EXPECT_EQ(weight_granularity(embedding, config), Granularity::kPerRow);
  EXPECT_EQ(weight_granularity(linear, config), Granularity::kPerTensor);
  config.weight_granularity = format::WeightGranularity::kRow;
  EXPECT_EQ(weight_granularity(linear, config), Granularity::kPerRow);
}

TEST(ClassifierTest, RefusesWeightsOfOtherShapes) {
  Classifier teacher = load_tiny_bert("teacher.safetensors");
  Weights weights = teacher.weights();
  weights.layers[1].output.weight = torch::zeros({32, 63});
  EXPECT_THAT(
      ([&] { Classifier(teacher.config(), std::nullopt, weights); }),
      ThrowsMessage<base::InvalidArgument>("classifier: tensor 'bert.encoder.layer.1.output.dense.weight': "
                                           "expected [32, 64], found [32, 63]"));
}

TEST(ClassifierTest, RefusesAMissingTensorAndAnotherNumberOfLayers) {
  Classifier teacher = load_tiny_bert("teacher.safetensors");
  Weights weights = teacher.weights();
  weights.head_dense.bias = torch::Tensor();
  EXPECT_THAT(([&] { Classifier(teacher.config(), std::nullopt, weights); }),
              ThrowsMessage<base::InvalidArgument>(
                  "classifier: tensor 'bert.pooler.dense.bias': expected [32], found none"));
  weights = teacher.weights();
  weights.layers.pop_back();
  EXPECT_THAT(([&] { Classifier(teacher.config(), std::nullopt, weights); }),
              ThrowsMessage<base::InvalidArgument>("classifier: expected 2 layers, found 1"));
}

TEST(ClassifierTest, RefusesADropoutThatLiftsAQuantizedMapToTheClip) {
  Classifier teacher = load_tiny_bert("teacher.safetensors");
  teacher.config().dropout.attention_map = 0.6;
  EXPECT_THAT([&] { make_student(teacher, {}); },
              ThrowsMessage<base::InvalidArgument>(
                  "attention_probs_dropout_prob: expected less than 0.6, found 0.6"));
  EXPECT_NO_THROW(Classifier(teacher.config(), std::nullopt, teacher.weights()));
}

TEST(ClassifierTest, RefusesASentenceLongerThanThePositions) {
  Classifier teacher = load_tiny_bert("teacher.safetensors");
  const std::vector<std::int32_t> ids(33, 1);
  const text::Encoding fits{.input_ids = {1, 2}, .token_type_ids = {0, 0}};
  const text::Encoding longer{.input_ids = ids, .token_type_ids = std::vector<std::int32_t>(33, 0)};
  const data::Batch batch = data::make_batch(std::vector{&fits, &longer});
  EXPECT_THAT(
      [&] { teacher.forward(batch); },
      ThrowsMessage<base::InvalidArgument>("sentence 1 of the batch: expected at most 32 tokens, found 33"));
}

TEST(ClassifierTest, RefusesIdsOutsideOfTheirTables) {
  const Classifier teacher = load_tiny_bert("teacher.safetensors");
  data::Batch batch = load_tiny_batch();
  batch.input_ids[3] = 120;
  EXPECT_THAT([&] { teacher.forward(batch); },
              ThrowsMessage<base::InvalidArgument>("embedding: expected ids from 0 to 119, found 120"));
  batch = load_tiny_batch();
  batch.token_type_ids[3] = 2;
  EXPECT_THAT([&] { teacher.forward(batch); },
              ThrowsMessage<base::InvalidArgument>("embedding: expected ids from 0 to 1, found 2"));
}

}  // namespace
}  // namespace kdqat::model
