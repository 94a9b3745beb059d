// A directory that kdqat writes, as Hugging Face transformers reads it: its logits were recorded by hand.

#include <gtest/gtest.h>

#include "tests/support/tiny_bert.h"

namespace kdqat::tests {
namespace {

TEST(HuggingFaceTest, WrittenDirectoryGivesTheLogitsThatTransformersGives) {
  const nlohmann::json recorded =
      read_json(std::filesystem::path(KDQAT_TEST_FIXTURES) / "hugging-face" / "dequantized-logits.json");
  model::Classifier student = load_tiny_bert("student.safetensors", tiny_quantization(2));
  model::Classifier exported = model::dequantized(student);
  const std::filesystem::path dir = std::filesystem::path(::testing::TempDir()) / "kdqat_hugging_face_test";
  std::filesystem::create_directories(dir);
  model::save_classifier(exported, dir);
  const model::Classifier loaded = model::load_classifier(dir).classifier;
  std::filesystem::remove_all(dir);

  const torch::NoGradGuard no_grad;
  const torch::Tensor logits = loaded.forward(load_tiny_batch()).logits;
  const auto& rows = recorded.at("logits");
  ASSERT_EQ(static_cast<std::size_t>(logits.size(0)), rows.size());
  for (std::int64_t b = 0; b < logits.size(0); ++b) {
    for (std::int64_t c = 0; c < logits.size(1); ++c) {
      // Both in float32, sums in another order: some 20 products deep, 1e-6 each at the most.
      EXPECT_NEAR(logits[b][c].item<double>(),
                  rows.at(static_cast<std::size_t>(b)).at(static_cast<std::size_t>(c)).get<double>(), 2e-5);
    }
  }
}

}  // namespace
}  // namespace kdqat::tests
