// Students of every encoder family: the packed file computes what training evaluates, on every instruction
// set.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "kdqat/convert/pack.h"
#include "kdqat/data/batch.h"
#include "kdqat/encoder/family.h"
#include "kdqat/model/pretrained.h"
#include "kdqat/runtime/engine.h"
#include "kdqat/text/bert_document.h"
#include "tests/base/temporary_directory.h"

namespace kdqat::convert {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> model_directories() {
  std::vector<std::string> result;
  for (const encoder::Family* family : encoder::families()) result.emplace_back(family->model_type);
  // Long sequences, windows, odd widths, positions of every kind.
  for (const char* variant :
       {"mpnet/variants/long", "modernbert/variants/long-mean", "modernbert/variants/biases",
        "deberta-v2/variants/long", "deberta-v2/variants/own-position-projections",
        "deberta-v2/variants/positions-and-types", "electra/variants/long"}) {
    result.emplace_back(variant);
  }
  return result;
}

nlohmann::json read_json(const fs::path& path) {
  std::ifstream stream(path);
  return nlohmann::json::parse(stream);
}

/// A model of the fixtures as a student with 2-bit weights and 8-bit activations.
class PackedFamilyTest : public ::testing::TestWithParam<std::string> {
 protected:
  PackedFamilyTest() {
    const fs::path families = fs::path(KDQAT_TEST_FIXTURES) / "families";
    const fs::path from = families / GetParam();
    expected_ = read_json(from / "expected.json");
    nlohmann::json config = read_json(from / "config.json");
    config["kdqat"] = {{"quantization", {{"weight_bits", 2}}}};
    std::ofstream(directory_ / "config.json") << config;
    fs::copy_file(from / "model.safetensors", directory_ / "model.safetensors");
    // Variants have no tokenizer, and fewer tokens than that of their family.
    if (fs::exists(from / "tokenizer.json")) {
      fs::copy_file(from / "tokenizer.json", directory_ / "tokenizer.json");
      fs::copy_file(from / "tokenizer_config.json", directory_ / "tokenizer_config.json");
    } else {
      const std::vector<std::string> tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
      std::ofstream(directory_ / "tokenizer.json") << text::make_bert_document(tokens, {}, "test");
      std::ofstream(directory_ / "tokenizer_config.json")
          << R"({"tokenizer_class": "PreTrainedTokenizerFast"})";
    }
  }

  std::vector<text::Encoding> encodings() const {
    std::vector<text::Encoding> result;
    for (const nlohmann::json& one : expected_.at("cases")) {
      text::Encoding& encoding = result.emplace_back();
      encoding.input_ids = one.at("input_ids").get<std::vector<std::int32_t>>();
      encoding.token_type_ids =
          one.value("token_type_ids", std::vector<std::int32_t>(encoding.input_ids.size()));
    }
    return result;
  }

  const test::TemporaryDirectory directory_;
  nlohmann::json expected_;
};

TEST_P(PackedFamilyTest, ComputesWhatTrainingEvaluatesOnEveryInstructionSet) {
  const fs::path file = directory_ / "packed.safetensors";
  pack(directory_.path(), file);
  const std::vector<text::Encoding> batch = encodings();
  std::vector<const text::Encoding*> pointers;
  for (const text::Encoding& encoding : batch) pointers.push_back(&encoding);
  const torch::NoGradGuard no_grad;
  const torch::Tensor expected =
      model::load_classifier(directory_.path()).classifier.forward(data::make_batch(pointers), {}).logits;
  for (const simd::InstructionSet set : simd::available_instruction_sets()) {
    SCOPED_TRACE(simd::name_of(set));
    const runtime::Engine engine(file, {.threads = 2, .instruction_set = set});
    const std::vector<runtime::Classification> answers = engine.classify(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const torch::Tensor logits = expected[static_cast<std::int64_t>(i)];
      EXPECT_EQ(answers[i].label, logits.argmax().item<std::int64_t>()) << "case " << i;
      for (std::size_t c = 0; c < answers[i].logits.size(); ++c) {
        // The same code on the same codes: heads and means add some dozens of floats in another order.
        EXPECT_NEAR(answers[i].logits[c], logits[static_cast<std::int64_t>(c)].item<float>(), 2e-5)
            << "case " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PackedFamilyTest, ::testing::ValuesIn(model_directories()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace_if(
                               name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; },
                               '_');
                           return name;
                         });

}  // namespace
}  // namespace kdqat::convert
