#include "kdqat/model/pretrained.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/model/checkpoint_directory.h"
#include "tests/support/tensors.h"

namespace kdqat::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;
using tests::same;

std::map<std::string, torch::Tensor> parameters_of(Classifier classifier) {
  std::map<std::string, torch::Tensor> result;
  for (const NamedParameter& parameter : classifier.parameters())
    result.emplace(parameter.name, *parameter.tensor);
  return result;
}

void expect_parameters(const Classifier& classifier, const std::map<std::string, torch::Tensor>& expected) {
  const auto actual = parameters_of(classifier);
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, tensor] : expected) EXPECT_TRUE(same(actual.at(name), tensor)) << name;
}

std::string without_prefix(std::string name) { return name.starts_with("bert.") ? name.substr(5) : name; }

std::string with_gamma_and_beta(std::string name) {
  if (name.ends_with("LayerNorm.weight")) return name.replace(name.size() - 6, 6, "gamma");
  if (name.ends_with("LayerNorm.bias")) return name.replace(name.size() - 4, 4, "beta");
  return name;
}

TEST(LoadClassifierTest, ReadsTheTensorsAsTheyAre) {
  const CheckpointDirectory directory;
  LoadedClassifier loaded = load_classifier(directory.write());
  expect_parameters(loaded.classifier, directory.tensors);
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_FALSE(loaded.classifier.quantization());
  EXPECT_THAT(loaded.classifier.config().labels, ElementsAre("LABEL_0", "LABEL_1", "LABEL_2"));
}

TEST(LoadClassifierTest, ReadsEverySpellingOfTheNames) {
  CheckpointDirectory directory;
  const auto expected = directory.tensors;
  directory.rename(without_prefix);
  expect_parameters(load_classifier(directory.write()).classifier, expected);
  directory.rename(with_gamma_and_beta);
  expect_parameters(load_classifier(directory.write()).classifier, expected);
  directory.tensors = expected;
  directory.rename(with_gamma_and_beta);
  expect_parameters(load_classifier(directory.write()).classifier, expected);
}

TEST(LoadClassifierTest, ReadsEveryFloatingPointDtype) {
  for (const auto dtype : {torch::kFloat16, torch::kBFloat16, torch::kFloat64}) {
    CheckpointDirectory directory;
    std::map<std::string, torch::Tensor> expected;
    for (auto& [name, tensor] : directory.tensors) {
      tensor = tensor.to(dtype);
      expected.emplace(name, tensor.to(torch::kFloat32));
    }
    expect_parameters(load_classifier(directory.write()).classifier, expected);
  }
}

TEST(LoadClassifierTest, IgnoresHeadsOfPretrainingAndIntegerBuffers) {
  CheckpointDirectory directory;
  const auto expected = directory.tensors;
  directory.tensors["cls.predictions.bias"] = torch::zeros({120});
  directory.tensors["cls.predictions.transform.LayerNorm.gamma"] = torch::zeros({32});
  directory.tensors["bert.embeddings.position_ids"] = torch::arange(32).unsqueeze(0);
  directory.tensors["embeddings.token_type_ids"] = torch::zeros({1, 32}, torch::kInt64);
  LoadedClassifier loaded = load_classifier(directory.write());
  expect_parameters(loaded.classifier, expected);
  EXPECT_THAT(loaded.warnings, IsEmpty());
}

TEST(LoadClassifierTest, TheQuantizationSectionMakesAStudent) {
  CheckpointDirectory directory;
  directory.config["kdqat"]["quantization"] = {{"weight_bits", 4}, {"activation_granularity", "tensor"}};
  const format::QuantizationConfig expected{.weight_bits = 4,
                                            .activation_granularity = format::ActivationGranularity::kTensor};
  EXPECT_EQ(load_classifier(directory.write()).classifier.quantization(), expected);
}

TEST(LoadClassifierTest, RefusesAQuantizationThatItDoesNotKnow) {
  CheckpointDirectory directory;
  directory.config["kdqat"]["quantization"] = {{"weight_bits", 3}};
  EXPECT_THAT([&] { load_classifier(directory.write()); },
              ThrowsMessage<base::FormatError>(
                  "config.json: kdqat.quantization: weight_bits: expected one of 2, 4, 8, 32, found 3"));
}

/// Expects a FormatError "<model.safetensors>: <message>".
void expect_refused(const CheckpointDirectory& directory, const std::string& message,
                    const std::optional<NewHead>& head = {}) {
  const std::filesystem::path path = directory.write();
  EXPECT_THAT([&] { load_classifier(path, head); }, ThrowsMessage<base::FormatError>(base::concat(
                                                        directory.weights_file().string(), ": ", message)));
}

NewHead two_labels(std::uint64_t seed = 42) {
  return {.labels = {"no", "yes"}, .num_labels = 2, .seed = seed};
}

TEST(NewHeadTest, AMissingClassifierIsDrawnAnewAndSaid) {
  CheckpointDirectory directory;
  directory.erase_all("classifier.");
  directory.config["initializer_range"] = 0.5;
  for (const char* field : {"architectures", "num_labels", "id2label"}) directory.config.erase(field);
  LoadedClassifier loaded = load_classifier(directory.write(), two_labels());
  EXPECT_THAT(loaded.warnings, ElementsAre("the encoder has no classifier: a new one is initialised"));
  EXPECT_THAT(loaded.classifier.config().labels, ElementsAre("no", "yes"));
  EXPECT_EQ(loaded.classifier.config().num_labels, 2);
  const auto parameters = parameters_of(loaded.classifier);
  EXPECT_TRUE(same(parameters.at("classifier.bias"), torch::zeros({2})));
  const torch::Tensor weight = parameters.at("classifier.weight");
  ASSERT_EQ(weight.sizes(), (torch::IntArrayRef{2, 32}));
  // 64 draws of N(0, 0.5): the deviation of their standard deviation is 0.5 / sqrt(128), five of them 0.22.
  EXPECT_NEAR(weight.std().item<double>(), 0.5, 0.22);
}

TEST(NewHeadTest, IsDrawnFromItsSeedAlone) {
  CheckpointDirectory directory;
  directory.erase_all("classifier.");
  const std::filesystem::path path = directory.write();
  const auto draw = [&](std::uint64_t seed) {
    return load_classifier(path, two_labels(seed)).classifier.weights().classifier.weight;
  };
  EXPECT_TRUE(same(draw(1), draw(1)));
  EXPECT_FALSE(torch::equal(draw(1), draw(2)));
}

TEST(NewHeadTest, AClassifierOfAnotherSizeIsReplacedAndSaid) {
  const CheckpointDirectory directory;
  const std::filesystem::path path = directory.write();
  LoadedClassifier loaded = load_classifier(path, two_labels());
  EXPECT_THAT(loaded.warnings,
              ElementsAre(base::concat("the classifier of ", directory.weights_file().string(),
                                       " is [3, 32]: a new one of [2, 32] is initialised")));
  auto expected = directory.tensors;
  expected["classifier.weight"] = loaded.classifier.weights().classifier.weight;
  expected["classifier.bias"] = torch::zeros({2});
  expect_parameters(loaded.classifier, expected);
}

TEST(NewHeadTest, AClassifierThatFitsIsKeptUnderTheNewLabels) {
  const CheckpointDirectory directory;
  const NewHead head{.labels = {"a", "b", "c"}, .num_labels = 3};
  LoadedClassifier loaded = load_classifier(directory.write(), head);
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_THAT(loaded.classifier.config().labels, ElementsAre("a", "b", "c"));
  expect_parameters(loaded.classifier, directory.tensors);
}

TEST(NewHeadTest, HalfALayerIsNotCompleted) {
  CheckpointDirectory without_bias;
  without_bias.erase_all("classifier.bias");
  const NewHead head{.labels = {"a", "b", "c"}, .num_labels = 3};
  expect_refused(without_bias, "tensor 'classifier.bias': expected [3], found none", head);
  CheckpointDirectory without_weight;
  without_weight.erase_all("bert.pooler.dense.weight");
  expect_refused(without_weight, "tensor 'bert.pooler.dense.weight': expected [32, 32], found none", head);
}

TEST(NewHeadTest, AMissingPoolerIsDrawnAnewAndSaid) {
  CheckpointDirectory directory;
  directory.erase_all("bert.pooler.");
  const NewHead head{.labels = {"a", "b", "c"}, .num_labels = 3};
  LoadedClassifier loaded = load_classifier(directory.write(), head);
  EXPECT_THAT(loaded.warnings, ElementsAre("the encoder has no pooler: a new one is initialised"));
  const quant::LinearParameters& pooler = loaded.classifier.weights().head_dense;
  EXPECT_TRUE(same(pooler.bias, torch::zeros({32})));
  // 1024 draws of N(0, 0.02).
  EXPECT_NEAR(pooler.weight.std().item<double>(), 0.02, 5.0 * 0.02 / std::sqrt(2048.0));
}

TEST(LoadClassifierTest, RefusesAnEncoderWithoutAClassifier) {
  CheckpointDirectory directory;
  directory.erase_all("classifier.");
  for (const char* field : {"architectures", "num_labels", "id2label"}) directory.config.erase(field);
  expect_refused(
      directory,
      "expected a classifier (config.json with num_labels or id2label), found an encoder without one: "
      "fine-tune it first");
}

TEST(LoadClassifierTest, RefusesMissingTensors) {
  CheckpointDirectory without_classifier;
  without_classifier.erase_all("classifier.weight");
  expect_refused(without_classifier, "tensor 'classifier.weight': expected [3, 32], found none");
  CheckpointDirectory without_pooler;
  without_pooler.erase_all("bert.pooler.");
  expect_refused(without_pooler, "tensor 'bert.pooler.dense.weight': expected [32, 32], found none");
  CheckpointDirectory directory;
  directory.erase_all("bert.encoder.layer.1.output.dense.bias");
  expect_refused(directory, "tensor 'bert.encoder.layer.1.output.dense.bias': expected [32], found none",
                 two_labels());
}

TEST(LoadClassifierTest, RefusesAnotherShape) {
  CheckpointDirectory directory;
  directory.tensors["bert.encoder.layer.0.output.dense.weight"] = torch::zeros({32, 63});
  expect_refused(directory,
                 "tensor 'bert.encoder.layer.0.output.dense.weight': expected [32, 64] (config.json), found "
                 "[32, 63]");
}

TEST(LoadClassifierTest, ComparesShapesBeforeItAllocates) {
  CheckpointDirectory directory;
  directory.config["vocab_size"] = 10'000'000;  // 1.28 GB at 32 floats a row
  expect_refused(directory,
                 "tensor 'bert.embeddings.word_embeddings.weight': expected [10000000, 32] (config.json), "
                 "found [120, 32]");
}

TEST(LoadClassifierTest, RefusesAParameterOfIntegers) {
  CheckpointDirectory directory;
  directory.tensors["classifier.bias"] = torch::zeros({3}, torch::kInt64);
  expect_refused(directory,
                 "tensor 'classifier.bias': expected floating point (F32, F16 or BF16), found I64");
  expect_refused(directory, "tensor 'classifier.bias': expected floating point (F32, F16 or BF16), found I64",
                 NewHead{.labels = {"a", "b", "c"}, .num_labels = 3});
}

TEST(LoadClassifierTest, RefusesATensorUnderTwoSpellings) {
  CheckpointDirectory directory;
  directory.tensors["embeddings.LayerNorm.beta"] = torch::zeros({32});
  const std::filesystem::path path = directory.write();
  EXPECT_THAT([&] { load_classifier(path); },
              ThrowsMessage<base::FormatError>(HasSubstr(
                  ": expected once, found under two spellings of 'bert.embeddings.LayerNorm.bias'")));
}

TEST(LoadClassifierTest, RefusesATensorThatIsNoPartOfAClassifier) {
  CheckpointDirectory directory;
  directory.config["num_hidden_layers"] = 1;
  const std::filesystem::path path = directory.write();
  EXPECT_THAT([&] { load_classifier(path); },
              ThrowsMessage<base::FormatError>(HasSubstr(
                  "tensor 'bert.encoder.layer.1.attention.output.LayerNorm.bias': expected the tensors of a "
                  "BertForSequenceClassification with 1 layers (config.json), found this one beside them")));
}

TEST(LoadClassifierTest, RefusesValuesThatAreNotFinite) {
  CheckpointDirectory with_nan;
  with_nan.tensors["classifier.weight"][1][2] = std::numeric_limits<float>::quiet_NaN();
  expect_refused(with_nan, "tensor 'classifier.weight': expected finite values, found nan at element 34");
  CheckpointDirectory beyond_float;
  torch::Tensor& bias = beyond_float.tensors["classifier.bias"];
  bias = bias.to(torch::kFloat64);
  bias[0] = 1e300;
  expect_refused(beyond_float, "tensor 'classifier.bias': expected finite values, found inf at element 0");
}

TEST(LoadClassifierTest, RefusesADirectoryWithoutItsFiles) {
  const test::TemporaryDirectory directory;
  EXPECT_THAT([&] { load_classifier(directory / "none"); },
              ThrowsMessage<base::IoError>(HasSubstr((directory / "none").string())));
  EXPECT_THAT([&] { load_classifier(directory.path()); },
              ThrowsMessage<base::FormatError>(HasSubstr("expected a model directory with config.json")));
  base::write_file_atomically(directory / "config.json",
                              tests::read_json(tests::tiny_bert_file("config.json")).dump());
  EXPECT_THAT(
      [&] { load_classifier(directory.path()); },
      ThrowsMessage<base::FormatError>(HasSubstr("expected a model directory with model.safetensors")));
}

TEST(SaveClassifierTest, WhatIsSavedLoadsToTheSameBits) {
  const test::TemporaryDirectory directory;
  const format::QuantizationConfig quantization{
      .weight_bits = 4,
      .embedding_bits = 8,
      .activation_bits = 32,
      .weight_granularity = format::WeightGranularity::kRow,
      .activation_granularity = format::ActivationGranularity::kTensor};
  for (const std::optional<format::QuantizationConfig>& config : {std::optional(quantization), {}}) {
    Classifier classifier = tests::load_tiny_bert("student.safetensors", config);
    classifier.config().source["kdqat"]["task"] = "sst-2";
    classifier.set_requires_grad(true);
    save_classifier(classifier, directory.path());
    LoadedClassifier loaded = load_classifier(directory.path());
    expect_parameters(loaded.classifier, tests::read_tensors(tests::tiny_bert_file("student.safetensors")));
    EXPECT_EQ(loaded.classifier.quantization(), config);
    EXPECT_EQ(loaded.classifier.config().labels, classifier.config().labels);
    EXPECT_EQ(loaded.classifier.config().source.at("kdqat").at("task"), "sst-2");
  }
}

TEST(SaveClassifierTest, WritesHuggingFacesNamesInFloat32) {
  const test::TemporaryDirectory directory;
  Classifier classifier = tests::load_tiny_bert("teacher.safetensors");
  save_classifier(classifier, directory.path());
  const format::SafetensorsFile file(directory / "model.safetensors");
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.tensors().size(), tests::read_tensors(tests::tiny_bert_file("teacher.safetensors")).size());
  for (const format::TensorView& view : file.tensors())
    EXPECT_EQ(view.dtype, format::DType::kF32) << view.name;
  const nlohmann::json config = tests::read_json(directory / "config.json");
  EXPECT_EQ(config.at("architectures"), nlohmann::json({"BertForSequenceClassification"}));
  EXPECT_FALSE(config.contains("kdqat"));
}

TEST(SaveClassifierTest, ADirectoryThatIsNotThereIsAnError) {
  const test::TemporaryDirectory directory;
  Classifier classifier = tests::load_tiny_bert("teacher.safetensors");
  EXPECT_THAT([&] { save_classifier(classifier, directory / "none"); },
              ThrowsMessage<base::IoError>(HasSubstr((directory / "none").string())));
}

TEST(DequantizedTest, WeightsAreTheFakeQuantizedOnesAndTheRestStays) {
  for (const auto granularity : {format::WeightGranularity::kTensor, format::WeightGranularity::kRow}) {
    const format::QuantizationConfig quantization{
        .weight_bits = 2, .embedding_bits = 8, .weight_granularity = granularity};
    Classifier student = tests::load_tiny_bert("student.safetensors", quantization);
    Classifier plain = dequantized(student);
    EXPECT_FALSE(plain.quantization());
    const auto values = parameters_of(plain);
    int changed = 0;
    for (const NamedParameter& parameter : student.parameters()) {
      const auto quantizer = weight_quantizer(parameter, quantization);
      const torch::Tensor expected = quantizer
                                         ? quant::fake_quantize(*parameter.tensor, *quantizer,
                                                                weight_granularity(parameter, quantization))
                                         : *parameter.tensor;
      EXPECT_TRUE(same(values.at(parameter.name), expected)) << parameter.name;
      changed += quantizer ? 1 : 0;
    }
    EXPECT_EQ(changed, 2 * 6 + 2);
  }
}

TEST(DequantizedTest, RunsAsTheStudentWithoutQuantizedActivations) {
  const torch::NoGradGuard no_grad;
  const data::Batch batch = tests::load_tiny_batch("ragged-batch.safetensors");
  Classifier student =
      tests::load_tiny_bert("student.safetensors", format::QuantizationConfig{.activation_bits = 32});
  EXPECT_TRUE(same(dequantized(student).forward(batch).logits, student.forward(batch).logits));
}

TEST(DequantizedTest, TheConfigurationDropsTheQuantizationAndKeepsTheScoresAsTheStudents) {
  const test::TemporaryDirectory directory;
  Classifier student = tests::load_tiny_bert("student.safetensors", format::QuantizationConfig{});
  student.config().source["kdqat"] = {{"task", "rte"},
                                      {"step", 20},
                                      {"scores", {{"dev", 0.5}}},
                                      {"quantization", format::to_json(format::QuantizationConfig{})}};
  Classifier plain = dequantized(student);
  save_classifier(plain, directory.path());
  EXPECT_EQ(
      tests::read_json(directory / "config.json").at("kdqat"),
      nlohmann::json({{"task", "rte"}, {"dequantized_student", {{"step", 20}, {"scores", {{"dev", 0.5}}}}}}));
}

/// tiny-bert's teacher in two files and their index.
class ShardsTest : public ::testing::Test {
 protected:
  ShardsTest() {
    const std::filesystem::path& path = directory_.write();
    const format::SafetensorsFile whole(directory_.weights_file());
    std::vector<format::TensorToWrite> parts[2];
    for (const format::TensorView& view : whole.tensors()) {
      const std::size_t part = index_["weight_map"].size() % 2;
      parts[part].push_back(
          {.name = view.name, .dtype = view.dtype, .shape = view.shape, .bytes = view.bytes});
      index_["weight_map"][view.name] = part == 0 ? "a.safetensors" : "b.safetensors";
    }
    format::write_safetensors(path / "a.safetensors", parts[0]);
    format::write_safetensors(path / "b.safetensors", parts[1]);
    std::filesystem::remove(directory_.weights_file());
    write_index();
  }

  std::filesystem::path path() const { return directory_.weights_file().parent_path(); }
  void write_index() const {
    base::write_file_atomically(path() / "model.safetensors.index.json", index_.dump());
  }
  void expect_refused(const std::string& message) const {
    write_index();
    EXPECT_THAT([&] { load_classifier(path()); },
                ThrowsMessage<base::FormatError>(::testing::HasSubstr(message)));
  }

  CheckpointDirectory directory_;
  nlohmann::json index_ = {{"metadata", nlohmann::json::object()}};
};

TEST_F(ShardsTest, AreTheWholeFile) {
  const torch::NoGradGuard no_grad;
  const data::Batch batch = tests::load_tiny_batch();
  EXPECT_TRUE(tests::same(load_classifier(path()).classifier.forward(batch).logits,
                          tests::load_tiny_bert("teacher.safetensors").forward(batch).logits));
}

TEST_F(ShardsTest, ATensorThatItsShardLacksIsNamed) {
  index_["weight_map"]["bert.more"] = "a.safetensors";
  expect_refused("a.safetensors: tensor 'bert.more'");
}

TEST_F(ShardsTest, AFileOutsideOfTheFolderIsRefused) {
  index_["weight_map"]["classifier.bias"] = "../a.safetensors";
  expect_refused("weight_map: 'classifier.bias': expected a file of this folder, found '../a.safetensors'");
}

TEST_F(ShardsTest, AnIndexThatIsNoneIsRefused) {
  index_["weight_map"] = nlohmann::json::array();
  expect_refused("model.safetensors.index.json: weight_map: expected an object of tensors and files");
}

}  // namespace
}  // namespace kdqat::model
