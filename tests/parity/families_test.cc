// The nine encoder families against transformers (fixtures/families): logits, losses, gradients, in the
// reference and the fused form; written models load again.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "kdqat/data/batch_file.h"
#include "kdqat/distill/objective.h"
#include "kdqat/encoder/family.h"
#include "kdqat/format/safetensors.h"
#include "kdqat/model/pretrained.h"
#include "kdqat/text/tokenizer.h"
#include "tests/base/temporary_directory.h"
#include "tests/support/tensors.h"
#include "tests/support/tiny_bert.h"

namespace kdqat::tests {
namespace {

using quant::Form;

// Logits are a few units, sums of some dozens of float32 products each, through up to four layers;
// transformers and kdqat add them in other orders.
constexpr double kLogits = 1e-4;

std::filesystem::path families() { return std::filesystem::path(KDQAT_TEST_FIXTURES) / "families"; }

/// Every directory with a config.json and expected.json below a family's.
std::vector<std::string> model_directories() {
  std::vector<std::string> result;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(families())) {
    if (entry.path().filename() == "expected.json") {
      result.push_back(std::filesystem::relative(entry.path().parent_path(), families()).string());
    }
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const encoder::Family* family : encoder::families()) names.emplace_back(family->model_type);
  return names;
}

std::string test_name(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return text;
}

class LogitsTest : public ::testing::TestWithParam<std::tuple<std::string, Form>> {
 protected:
  std::filesystem::path directory() const { return families() / std::get<0>(GetParam()); }
  Form form() const { return std::get<1>(GetParam()); }
};

/// The cases of expected.json as encodings; those with texts go through the tokenizer, whose ids must be the
/// file's.
std::vector<text::Encoding> encodings_of(const nlohmann::json& expected,
                                         const std::filesystem::path& directory) {
  std::vector<text::Encoding> result;
  std::optional<text::Tokenizer> tokenizer;
  for (const nlohmann::json& one : expected.at("cases")) {
    text::Encoding encoding;
    if (one.contains("text")) {
      if (!tokenizer) tokenizer.emplace(text::Tokenizer::load(directory));
      std::optional<std::string> pair;
      if (one.contains("pair")) pair = one.at("pair").get<std::string>();
      encoding = tokenizer->encode(one.at("text").get<std::string>(), pair, expected.at("max_seq_length"));
      EXPECT_EQ(encoding.input_ids, one.at("input_ids").get<std::vector<std::int32_t>>()) << one.at("text");
    } else {
      encoding.input_ids = one.at("input_ids").get<std::vector<std::int32_t>>();
      encoding.token_type_ids =
          one.value("token_type_ids", std::vector<std::int32_t>(encoding.input_ids.size()));
    }
    result.push_back(std::move(encoding));
  }
  return result;
}

TEST_P(LogitsTest, AreThoseOfTransformersInABatchOfMixedLengths) {
  const torch::NoGradGuard no_grad;
  const model::LoadedClassifier loaded = model::load_classifier(directory());
  EXPECT_TRUE(loaded.warnings.empty());
  const nlohmann::json expected = read_json(directory() / "expected.json");
  const std::vector<text::Encoding> encodings = encodings_of(expected, directory());
  std::vector<const text::Encoding*> pointers;
  for (const text::Encoding& encoding : encodings) pointers.push_back(&encoding);
  const torch::Tensor logits =
      loaded.classifier.forward(data::make_batch(pointers), {.dropout = {}, .form = form()}).logits;
  for (std::size_t i = 0; i < encodings.size(); ++i) {
    const auto reference = expected.at("cases").at(i).at("logits").get<std::vector<double>>();
    EXPECT_TRUE(
        all_within(logits[static_cast<std::int64_t>(i)], torch::tensor(reference, torch::kFloat64), kLogits))
        << "case " << i;
  }
}

TEST_P(LogitsTest, StayTheSameWhenTheModelIsWrittenAndReadAgain) {
  const torch::NoGradGuard no_grad;
  model::Classifier classifier = model::load_classifier(directory()).classifier;
  const test::TemporaryDirectory written;
  model::save_classifier(classifier, written.path());
  const model::Classifier again = model::load_classifier(written.path()).classifier;
  const text::Encoding encoding{.input_ids = {1, 5, 7, 2, 9}, .token_type_ids = std::vector<std::int32_t>(5)};
  const std::vector<const text::Encoding*> one = {&encoding};
  const data::Batch batch = data::make_batch(one);
  EXPECT_TRUE(same(again.forward(batch, {.dropout = {}, .form = form()}).logits,
                   classifier.forward(batch, {.dropout = {}, .form = form()}).logits));
  const format::SafetensorsFile before(directory() / "model.safetensors");
  const format::SafetensorsFile after(written.path() / "model.safetensors");
  for (const format::TensorView& view : after.tensors()) {
    EXPECT_EQ(before.tensor(view.name).shape, view.shape) << view.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, LogitsTest,
                         ::testing::Combine(::testing::ValuesIn(model_directories()),
                                            ::testing::Values(Form::kPlain, Form::kFused)),
                         [](const auto& test) {
                           return test_name(std::get<0>(test.param) + (std::get<1>(test.param) == Form::kPlain
                                                                           ? "_reference"
                                                                           : "_fused"));
                         });

/// One batch through a family's teacher and student of losses/.
class LossesTest : public ::testing::TestWithParam<std::tuple<std::string, Form>> {
 protected:
  LossesTest() {
    const torch::NoGradGuard no_grad;
    teacher_signals_ = teacher_.forward(batch_, {.dropout = {}, .form = form_});
  }

  /// The student's signals with a graph of their own.
  distill::LossInputs inputs() {
    student_.set_requires_grad(true);
    for (const model::NamedParameter& parameter : student_.parameters()) {
      parameter.tensor->mutable_grad() = torch::Tensor();
    }
    student_signals_ = student_.forward(batch_, {.dropout = {}, .form = form_});
    return {.teacher = teacher_signals_, .student = student_signals_, .layers = layers_, .form = form_};
  }

  Form form_ = std::get<1>(GetParam());
  std::filesystem::path directory_ = families() / std::get<0>(GetParam()) / "losses";
  nlohmann::json expected_ = read_json(directory_ / "losses.json");
  model::Classifier teacher_ = model::load_classifier(directory_ / "teacher").classifier;
  model::Classifier student_ = model::load_classifier(directory_ / "student").classifier;
  data::Batch batch_ = data::read_batch_file(
      directory_ / "batch.safetensors",
      {.vocab_size = 40, .type_vocab_size = 2, .max_position_embeddings = 16, .num_labels = 3});
  distill::LayerSelection layers_;
  model::Signals teacher_signals_;
  model::Signals student_signals_;
};

TEST_P(LossesTest, AreThoseOfTheFormulasOverTransformersOutputs) {
  for (const distill::Loss loss : distill::kLosses) {
    const std::string name(distill::name_of(loss));
    SCOPED_TRACE(name);
    const distill::LayerLoss value =
        distill::compute_loss(loss, inputs(), batch_.labels, /*temperature=*/1.0);
    const double expected = expected_.at("losses").at(name);
    EXPECT_NEAR(value.total.item<double>(), expected, 1e-4 * expected);
    if (expected_.at("by_layer").contains(name)) {
      const auto by_layer = expected_.at("by_layer").at(name).get<std::vector<double>>();
      ASSERT_EQ(value.terms.size(), by_layer.size());
      for (std::size_t l = 0; l < by_layer.size(); ++l) {
        EXPECT_NEAR(value.terms[l].item<double>(), by_layer[l], 1e-4 * by_layer[l]) << "layer " << l;
      }
    }
    value.total.backward();
    double squares = 0.0;
    for (const model::NamedParameter& parameter : student_.parameters()) {
      squares += std::pow(dense_gradient(*parameter.tensor).norm().item<double>(), 2);
    }
    const double norm = expected_.at("grad_norm").at(name);
    EXPECT_NEAR(std::sqrt(squares), norm, 1e-4 * norm);
  }
}

TEST_P(LossesTest, MapsAtOtherTemperaturesToo) {
  for (const auto& [name, temperature] :
       {std::pair<const char*, double>{"2.0", 2.0}, {"inf", std::numeric_limits<double>::infinity()}}) {
    const double expected = expected_.at("attention_map_at_temperature").at(name);
    const double value =
        distill::compute_loss(distill::Loss::kAttentionMap, inputs(), {}, temperature).total.item<double>();
    EXPECT_NEAR(value, expected, 1e-4 * expected) << name;
  }
}

TEST_P(LossesTest, UnifiedGradientsAreThoseOfTransformers) {
  distill::compute_objective({}, inputs(), batch_.labels).total.backward();
  const auto expected = read_tensors(directory_ / "gradients.safetensors");
  for (const model::NamedParameter& parameter : student_.parameters()) {
    SCOPED_TRACE(parameter.name);
    torch::Tensor reference = expected.at(parameter.tensor_name);
    const std::int64_t rows = parameter.shape[0];
    reference = reference.slice(0, parameter.part * rows, (parameter.part + 1) * rows);
    // Where a softmax ignores a shift of its rows, a key's bias has rounding errors only: hence the absolute
    // 1e-6.
    EXPECT_LT((dense_gradient(*parameter.tensor) - reference).norm().item<double>(),
              1e-4 * reference.norm().item<double>() + 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, LossesTest,
                         ::testing::Combine(::testing::ValuesIn(family_names()),
                                            ::testing::Values(Form::kPlain, Form::kFused)),
                         [](const auto& test) {
                           return test_name(std::get<0>(test.param) + (std::get<1>(test.param) == Form::kPlain
                                                                           ? "_reference"
                                                                           : "_fused"));
                         });

}  // namespace
}  // namespace kdqat::tests
