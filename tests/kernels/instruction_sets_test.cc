// The same bits on every instruction set: whatever form of a function the processor runs, and the portable
// form that sanitizers are built with, give these checksums. They were recorded with the portable form on
// x86-64.

#include <gtest/gtest.h>

#include <bit>
#include <span>
#include <utility>
#include <vector>

#include "kdqat/kernels/activation.h"
#include "kdqat/kernels/bert_adam.h"
#include "kdqat/kernels/layer_norm.h"
#include "kdqat/kernels/loss.h"
#include "kdqat/kernels/quantize.h"
#include "tests/kernels/attention_problem.h"

namespace kdqat::kernels {
namespace {

/// FNV-1a (Fowler, Noll, Vo) over the bits of floats.
std::uint64_t checksum(std::span<const float> values) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const float value : values) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ (std::bit_cast<std::uint32_t>(value) >> shift & 0xFF)) * 0x100000001b3;
    }
  }
  return hash;
}

/// Codes times scales of every quantizer, one after the other.
std::vector<float> quantized_by_all(const std::vector<float>& values) {
  const Groups groups{.count = 1, .size = static_cast<std::int64_t>(values.size())};
  std::vector<std::int8_t> codes(values.size());
  std::vector<float> all;
  float scale = 0.0F;
  const auto append = [&] {
    for (const std::int8_t code : codes) all.push_back(static_cast<float>(code) * scale);
  };
  quantize_ternary(values.data(), groups, codes.data(), &scale);
  append();
  quantize_twn_uniform(values.data(), groups, 4, codes.data(), &scale);
  append();
  quantize_twn_uniform(values.data(), groups, 8, codes.data(), &scale);
  append();
  quantize_symmetric(values.data(), groups, codes.data(), &scale);
  append();
  std::vector<float> asymmetric(values.size());
  fake_quantize_asymmetric(values.data(), groups, asymmetric.data());
  all.insert(all.end(), asymmetric.begin(), asymmetric.end());
  return all;
}

TEST(InstructionSetsTest, QuantizersGiveTheSameBits) {
  EXPECT_EQ(checksum(quantized_by_all(random_values(1, 40013))), 0xd47a6bc860e691ecU);
}

TEST(InstructionSetsTest, AttentionGivesTheSameBits) {
  const AttentionProblem problem({7, 1, 20, 13}, 3, 33, true);
  const ForwardResult result = forward(problem, AttentionScales::kHead);
  EXPECT_EQ(checksum(result.scores), 0x7840e7c12c7177f2U);
  EXPECT_EQ(checksum(result.map), 0x5d702ca63747b5d8U);
  EXPECT_EQ(checksum(result.context), 0xa4c53abcafb824eaU);
  std::vector<float> query(problem.query.size());
  std::vector<float> key(problem.query.size());
  std::vector<float> value(problem.query.size());
  attention_backward(
      problem.shape(), problem.operands(), result.map.data(), result.quantized_map.data(), problem.dropout(),
      {.scores = result.scores.data(), .map = result.map.data(), .context = result.context.data()},
      {.query = query.data(), .key = key.data(), .value = value.data()});
  EXPECT_EQ(checksum(query), 0xd9280356823545c5U);
  EXPECT_EQ(checksum(key), 0x0bacd6dbe222d9efU);
  EXPECT_EQ(checksum(value), 0x26c3d1431f265d78U);
}

TEST(InstructionSetsTest, AttentionWithTermsGivesTheSameBits) {
  constexpr std::int64_t kReach = 99;
  constexpr std::int64_t kPositions = 30;
  const AttentionProblem problem({7, 100, 33}, 2, 33, true);
  const std::vector<float> bias = random_values(1, 2 * (2 * kReach + 1), -1.0, 1.0);
  const std::vector<float> positions = random_values(2, kPositions * 66, -1.0, 1.0);
  std::vector<std::int32_t> indices;
  for (int i = 0; i < 2 * kReach + 1; ++i) indices.push_back(static_cast<std::int32_t>(7 * i % kPositions));
  const AttentionInput input{.shape = problem.shape(),
                             .operands = problem.operands(),
                             .terms = {.window = 20,
                                       .reach = kReach,
                                       .bias = bias.data(),
                                       .position_key = positions.data(),
                                       .key_index = indices.data(),
                                       .position_query = positions.data(),
                                       .query_index = indices.data(),
                                       .positions = kPositions},
                             .dropout = problem.dropout(),
                             .map_scales = AttentionScales::kHead};
  const std::vector<float> pairs(static_cast<std::size_t>(problem.pairs()));
  ForwardResult result{pairs, pairs, pairs, std::vector<float>(problem.query.size())};
  attention_forward(input, {.scores = result.scores.data(),
                            .map = result.map.data(),
                            .quantized_map = result.quantized_map.data(),
                            .context = result.context.data()});
  EXPECT_EQ(checksum(result.scores), 0x8a16693525016a5cU);
  EXPECT_EQ(checksum(result.map), 0x5e2bbae2107271e4U);
  EXPECT_EQ(checksum(result.context), 0x85ed6e7664192114U);
  std::vector<float> gradients(3 * problem.query.size() + bias.size() + 2 * positions.size());
  float* next = gradients.data();
  const auto take = [&](std::size_t size) { return std::exchange(next, next + size); };
  attention_backward(
      input, {.map = result.map.data(), .quantized_map = result.quantized_map.data()},
      {.scores = result.scores.data(), .map = result.map.data(), .context = result.context.data()},
      {.query = take(problem.query.size()),
       .key = take(problem.query.size()),
       .value = take(problem.query.size()),
       .bias = take(bias.size()),
       .position_key = take(positions.size()),
       .position_query = take(positions.size())});
  EXPECT_EQ(checksum(gradients), 0xb29c2f0604c29793U);
}

TEST(InstructionSetsTest, BertAdamGivesTheSameBits) {
  std::vector<float> weights = random_values(1, 20011, -0.1, 0.1);
  std::vector<float> first_moment = random_values(2, 20011, -0.01, 0.01);
  std::vector<float> second_moment = random_values(3, 20011, 0.0, 1e-4);
  const std::vector<float> gradient = random_values(4, 20011);
  bert_adam_update({.learning_rate = 1e-3F, .gradient_factor = 0.3F}, 20011, gradient.data(), weights.data(),
                   first_moment.data(), second_moment.data());
  EXPECT_EQ(checksum(weights), 0x7cb69a8668094f9aU);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(sum_of_squares(gradient.data(), 20011)), 0x40ed7181a98a464eU);
}

TEST(InstructionSetsTest, LayerNormGivesTheSameBits) {
  constexpr std::int64_t kRows = 35;
  constexpr std::int64_t kCols = 77;
  const std::vector<float> x = random_values(1, kRows * kCols);
  const std::vector<float> residual = random_values(2, kRows * kCols);
  const std::vector<float> weight = random_values(3, kCols);
  const std::vector<float> bias = random_values(4, kCols);
  const std::vector<float> arriving = random_values(5, kRows * kCols);
  std::vector<std::uint8_t> keep(x.size());
  fill_dropout_mask({.seed = 6}, 0.3, kRows * kCols, keep.data());
  const LayerNormInput input{.rows = kRows,
                             .cols = kCols,
                             .x = x.data(),
                             .dropout = {.keep = keep.data(), .factor = 1.0F / 0.7F},
                             .residual = residual.data()};
  const LayerNormParameters parameters{.weight = weight.data(), .bias = bias.data()};
  std::vector<float> mean(kRows);
  std::vector<float> inverse_deviation(kRows);
  const LayerNormMoments moments{.mean = mean.data(), .inverse_deviation = inverse_deviation.data()};
  std::vector<float> out(x.size());
  layer_norm_forward(input, parameters, moments, out.data());
  EXPECT_EQ(checksum(mean), 0x36f236c4a303f55eU);
  EXPECT_EQ(checksum(inverse_deviation), 0x6a3ecfa07ce542dcU);
  EXPECT_EQ(checksum(out), 0x558661bedfbe26a4U);
  std::vector<float> x_gradient(x.size());
  std::vector<float> residual_gradient(x.size());
  std::vector<float> weight_gradient(kCols);
  std::vector<float> bias_gradient(kCols);
  layer_norm_backward(input, parameters, moments, arriving.data(),
                      {.x = x_gradient.data(),
                       .residual = residual_gradient.data(),
                       .weight = weight_gradient.data(),
                       .bias = bias_gradient.data()});
  EXPECT_EQ(checksum(x_gradient), 0xbee6c24be61caa5eU);
  EXPECT_EQ(checksum(residual_gradient), 0x07b0f2aca53d475bU);
  EXPECT_EQ(checksum(weight_gradient), 0x1502a7dec6307289U);
  EXPECT_EQ(checksum(bias_gradient), 0x94d679648006ae0fU);
}

TEST(InstructionSetsTest, ActivationsGiveTheSameBits) {
  struct Case {
    Activation activation;
    std::uint64_t value;
    std::uint64_t gradient;
    std::uint64_t gated;
    std::uint64_t input_gradient;
    std::uint64_t gate_gradient;
  };
  const std::vector<Case> cases = {
      {Activation::kGelu, 0xf4d36cba3b6b8750U, 0xa64643bd2c5f3c95U, 0x1fb307b0e4d64f22U, 0x5a8d507c7c8308adU,
       0xa386ee8bb487e82cU},
      {Activation::kGeluTanh, 0x1f0d92e9db63a33dU, 0xde71ba251e603149U, 0x5f6bda1bc8534e94U,
       0x56b2ea18997f26f5U, 0xd44ebada27aa7d07U},
      {Activation::kRelu, 0x8c21bac3eef1a245U, 0xa69a66bd004d92ccU, 0x34a6f03998c741e5U, 0x51664929ea08bd0dU,
       0x976a8bd9fb9443d3U},
      {Activation::kSilu, 0x630ee2424e0d24edU, 0x51f664dcd0ddead7U, 0x41fe1ce23c0ab19eU, 0x21d4eacb9f60a640U,
       0x54297ae16cc25714U},
      {Activation::kTanh, 0x503d15295b796b3aU, 0xfa011f42873a4c31U, 0x026461ffbdd57347U, 0x6b4aff8672ce49d3U,
       0x57e6e000e4653ed3U},
  };
  constexpr std::int64_t kCount = 20011;
  const std::vector<float> x = random_values(1, kCount, -15.0, 15.0);
  const std::vector<float> grad_output = random_values(2, kCount);
  const std::vector<float> gate = random_values(3, kCount);
  for (const Case& expected : cases) {
    SCOPED_TRACE(static_cast<int>(expected.activation));
    std::vector<float> out(x.size());
    activate(expected.activation, x.data(), kCount, out.data());
    EXPECT_EQ(checksum(out), expected.value);
    std::vector<float> gradient = grad_output;
    activate_backward(expected.activation, x.data(), kCount, 2.5F, gradient.data());
    EXPECT_EQ(checksum(gradient), expected.gradient);
    const GatedInput gated{.input = x.data(), .gate = gate.data()};
    activate_gated(expected.activation, gated, kCount, out.data());
    EXPECT_EQ(checksum(out), expected.gated);
    activate_gated_backward(expected.activation, gated, kCount, 2.5F, grad_output.data(),
                            {.input = gradient.data(), .gate = out.data()});
    EXPECT_EQ(checksum(gradient), expected.input_gradient);
    EXPECT_EQ(checksum(out), expected.gate_gradient);
  }
}

TEST(InstructionSetsTest, LossesGiveTheSameBits) {
  const std::vector<float> teacher = random_values(1, 20011, 0.0, 1.0);
  const std::vector<float> student = random_values(2, 20011, 0.0, 1.0);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(squared_distance(student.data(), teacher.data(), 20011)),
            0x40aa5474bc4ad529U);
  const std::vector<std::int64_t> starts = {0, 1, 40, 10007, 20011};
  const std::vector<double> weights = {0.5, 1.5, -0.7, 0.3};
  const Probabilities probabilities{
      .teacher = teacher.data(), .student = student.data(), .starts = starts, .weights = weights};
  EXPECT_EQ(std::bit_cast<std::uint64_t>(divergence(probabilities)), 0xc08d817911557ef3U);
  std::vector<float> gradient(student.size());
  divergence_backward(probabilities, 0.7, gradient.data());
  EXPECT_EQ(checksum(gradient), 0xd0aaf31acad575dbU);
}

}  // namespace
}  // namespace kdqat::kernels
