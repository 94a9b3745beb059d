// The analyses against values that NumPy and PyTorch computed from their definitions (fixtures/tiny-bert:
// analysis.json, norm-analysis.safetensors, hessian.json, hessian-block.safetensors).

#include <gtest/gtest.h>

#include <cmath>

#include "kdqat/analysis/attention_distance.h"
#include "kdqat/analysis/dynamic_range.h"
#include "kdqat/analysis/hessian_summary.h"
#include "kdqat/analysis/norm_analysis.h"
#include "tests/support/tensors.h"
#include "tests/support/tiny_bert.h"

namespace kdqat::tests {
namespace {

void expect_values(const std::vector<double>& actual, const nlohmann::json& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i].get<double>(), tolerance) << i;
  }
}

model::Signals signals_of(const model::Classifier& classifier, const data::Batch& batch) {
  const torch::NoGradGuard no_grad;
  return classifier.forward(batch);
}

TEST(AnalysisParityTest, CoverLengthRatioAndRankingLossAreTheReferences) {
  const nlohmann::json expected = read_json(tiny_bert_file("analysis.json"));
  const data::Batch batch = load_tiny_batch();
  const model::Signals teacher = signals_of(load_tiny_bert("teacher.safetensors"), batch);
  const model::Signals student =
      signals_of(load_tiny_bert("student.safetensors", tiny_quantization(2)), batch);
  analysis::AttentionDistance distance(expected.at("top_k"));
  distance.add(teacher, student, batch.cu_seqlens, 4);
  // Ranks are whole numbers of rows. Of a ranking loss each of some 448 differences of probabilities is
  // rounded to float32 in both models.
  expect_values(distance.cover_length_ratio().mean, expected.at("cover_length_ratio").at("values"), 1e-12);
  expect_values(distance.ranking_loss().mean, expected.at("ranking_loss").at("values"), 1e-5);
}

TEST(AnalysisParityTest, RangesOfAttentionOutputAreTheReferences) {
  const nlohmann::json expected =
      read_json(tiny_bert_file("analysis.json")).at("attention_output_range_of_sentence_0_teacher");
  const data::Batch batch = load_tiny_batch();
  const std::vector<analysis::TokenRange> ranges =
      analysis::dynamic_range(signals_of(load_tiny_bert("teacher.safetensors"), batch), "attention_output");
  ASSERT_EQ(ranges.size(), 2U);
  for (std::size_t layer = 0; layer < 2; ++layer) {
    for (std::int64_t token = 0; token < batch.cu_seqlens[1]; ++token) {
      EXPECT_NEAR(ranges[layer].minimum[token].item<double>(), expected.at("min")[layer][token].get<double>(),
                  1e-5);
      EXPECT_NEAR(ranges[layer].maximum[token].item<double>(), expected.at("max")[layer][token].get<double>(),
                  1e-5);
    }
  }
}

TEST(AnalysisParityTest, NormsAreTheReferences) {
  const auto expected = read_tensors(tiny_bert_file("norm-analysis.safetensors"));
  const data::Batch batch = load_tiny_batch();
  model::Classifier teacher = load_tiny_bert("teacher.safetensors");
  const std::vector<analysis::AttentionNorms> norms =
      analysis::NormAnalysis(teacher).norms(batch, signals_of(teacher, batch));
  ASSERT_EQ(norms.size(), 2U);
  for (std::size_t layer = 0; layer < 2; ++layer) {
    const std::string index = std::to_string(layer);
    // Both sentences have 8 tokens: [H, T] is [H, B, n] there.
    EXPECT_TRUE(
        all_within(norms[layer].f_x.view({4, 2, 8}).transpose(0, 1), expected.at("f_x." + index), 1e-5));
    EXPECT_TRUE(
        all_within(norms[layer].alpha_f_x.view({2, 4, 8, 8}), expected.at("alpha_f_x." + index), 1e-5));
    EXPECT_TRUE(
        all_within(norms[layer].summed.view({2, 8, 8}), expected.at("summed_alpha_f_x." + index), 1e-5));
  }
}

class HessianParityTest : public ::testing::Test {
 protected:
  analysis::Hessian hessian(const analysis::HessianOptions& options = {}) const {
    return {compactor_, batch_, options};
  }

  nlohmann::json expected_ = read_json(tiny_bert_file("hessian.json"));

 private:
  model::Classifier teacher_ = load_tiny_bert("teacher.safetensors");
  analysis::Compactor compactor_{teacher_};
  data::Batch batch_ = load_tiny_batch();
};

TEST_F(HessianParityTest, EndsOfTheWholeSpectrumAreTheReferences) {
  const analysis::Hessian whole = hessian();
  EXPECT_NEAR(whole.loss(), expected_.at("loss_value").get<double>(), 1e-9);
  const nlohmann::json& all = expected_.at("all_parameters");
  EXPECT_EQ(whole.num_parameters(), all.at("count").get<std::int64_t>());
  const analysis::HessianSummary summary =
      summarize_hessian(whole, {.density_runs = 0, .trace_samples = 2, .exact_trace_up_to = 0});
  EXPECT_TRUE(summary.converged);
  const double scale = all.at("largest")[0];
  expect_values(summary.largest, all.at("largest"), 1e-8 * scale);
  expect_values(summary.smallest, all.at("smallest"), 1e-8 * scale);
}

TEST_F(HessianParityTest, TheExactSpectrumOfABlockIsTheReferences) {
  const analysis::Hessian block =
      hessian({.parameters = {expected_.at("block").at("parameter").get<std::string>()}});
  const torch::Tensor expected =
      read_tensors(tiny_bert_file("hessian-block.safetensors")).at("block_eigenvalues");
  const std::vector<double> actual = exact_spectrum(block.matrix());
  const double scale = expected_.at("block").at("largest")[0];
  // The fixture's values are read as float32.
  EXPECT_TRUE(all_within(torch::tensor(actual, torch::kFloat64), std::get<0>(expected.sort()), 1e-6 * scale));
  EXPECT_NEAR(exact_trace(block.matrix()), expected_.at("block").at("trace").get<double>(), 1e-7 * scale);
}

}  // namespace
}  // namespace kdqat::tests
