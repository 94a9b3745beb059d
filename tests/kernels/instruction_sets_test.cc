// The same bits on every instruction set: whatever form of a function the processor runs, and the portable
// form that sanitizers are built with, give these checksums. They were recorded with the portable form on
// x86-64.

#include <gtest/gtest.h>

#include <bit>
#include <span>
#include <vector>

#include "kdqat/kernels/bert_adam.h"
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
  EXPECT_EQ(checksum(result.scores), 0x13e649435d5bc3d6U);
  EXPECT_EQ(checksum(result.map), 0xdf0f15ff5b4bf44bU);
  EXPECT_EQ(checksum(result.context), 0x89e94e62c5a478c4U);
  std::vector<float> gradient(problem.query.size());
  std::vector<float> others(problem.query.size());
  attention_backward(
      problem.shape(), problem.operands(), result.map.data(), result.quantized_map.data(),
      problem.mask_or_null(),
      {.scores = result.scores.data(), .map = result.map.data(), .context = result.context.data()},
      {.query = gradient.data(), .key = others.data(), .value = others.data()});
  EXPECT_EQ(checksum(gradient), 0x79e2159254024cd5U);
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

}  // namespace
}  // namespace kdqat::kernels
