#include "kdqat/kernels/integer_attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kdqat/kernels/quantize.h"
#include "tests/kernels/attention_problem.h"

namespace kdqat::kernels {
namespace {

/// Odd sizes, less and more than a vector, a panel, a tile and a block of rows.
const std::vector<std::pair<std::int64_t, std::int64_t>> kHeads = {{1, 64}, {2, 32}, {3, 33}, {2, 12}};
const std::vector<std::int64_t> kLengths = {7, 1, 20, 33, 64, 16};

Floats attend(const AttentionProblem& problem, InstructionSet set) {
  Floats context(problem.query.size(), 99.0F);
  integer_attention(problem.shape(), problem.operands(), context.data(), set);
  return context;
}

/// attention_forward of fake-quantized operands.
Floats attend_in_floats(const AttentionProblem& problem) {
  const AttentionShape shape = problem.shape();
  Floats query = problem.query;
  Floats key = problem.key;
  Floats value = problem.value;
  for (Floats* operand : {&query, &key, &value})
    fake_quantize_heads(shape, AttentionScales::kHead, operand->data(), operand->data());
  const auto pairs = static_cast<std::size_t>(problem.pairs());
  Floats scores(pairs);
  Floats map(pairs);
  Floats quantized_map(pairs);
  Floats context(problem.query.size());
  attention_forward(shape, {.query = query.data(), .key = key.data(), .value = value.data()}, {},
                    AttentionScales::kHead,
                    {.scores = scores.data(),
                     .map = map.data(),
                     .quantized_map = quantized_map.data(),
                     .context = context.data()});
  return context;
}

// Scores differ by roundings, about 1e-6 of themselves, and so do elements of the map before they become
// codes: one in some ten thousand then lies on the other side of a half and is another code, a step of at
// most 1 / 127 of the map times a value below 1.5. All others differ by roundings of the last sum, of at most
// 64 terms.
TEST(IntegerAttentionTest, IsAttentionOfFakeQuantizedOperands) {
  for (const auto& [heads, head_size] : kHeads) {
    const AttentionProblem problem(kLengths, heads, head_size, false);
    const Floats context = attend(problem, default_instruction_set());
    const Floats expected = attend_in_floats(problem);
    std::size_t other_codes = 0;
    for (std::size_t i = 0; i < context.size(); ++i) {
      const float difference = std::abs(context[i] - expected[i]);
      ASSERT_LE(difference, 1.5F / 127.0F) << heads << " heads of " << head_size << ", element " << i;
      if (difference > 64 * 1.5F * 6e-8F) ++other_codes;
    }
    EXPECT_LE(other_codes, context.size() / 50) << heads << " heads of " << head_size;
  }
}

TEST(IntegerAttentionTest, EveryInstructionSetGivesTheSameBits) {
  for (const auto& [heads, head_size] : kHeads) {
    const AttentionProblem problem(kLengths, heads, head_size, false);
    const Floats expected = attend(problem, InstructionSet::kScalar);
    for (const InstructionSet set : available_instruction_sets()) {
      EXPECT_EQ(attend(problem, set), expected) << name_of(set) << ", " << heads << " heads of " << head_size;
    }
  }
}

TEST(IntegerAttentionTest, ThreadsDoNotChangeTheBits) {
  const AttentionProblem problem({5, 19, 40, 2, 2, 31}, 4, 32, false);
  expect_the_same_for_every_thread_count([&] { return attend(problem, default_instruction_set()); });
}

TEST(IntegerAttentionTest, ASentenceDoesNotDependOnTheOthers) {
  const AttentionProblem both({18, 23}, 2, 32, false);
  AttentionProblem first({18}, 2, 32, false);
  const auto size = first.query.size();
  for (const auto& [part, whole] :
       {std::pair{&first.query, &both.query}, {&first.key, &both.key}, {&first.value, &both.value}}) {
    part->assign(whole->begin(), whole->begin() + static_cast<std::ptrdiff_t>(size));
  }
  Floats expected = attend(both, default_instruction_set());
  expected.resize(size);
  EXPECT_EQ(attend(first, default_instruction_set()), expected);
}

TEST(IntegerAttentionTest, OperandsOfZerosGiveZeros) {
  AttentionProblem problem({9}, 1, 32, false);
  for (Floats* operand : {&problem.query, &problem.key, &problem.value})
    std::fill(operand->begin(), operand->end(), 0.0F);
  EXPECT_EQ(attend(problem, default_instruction_set()), Floats(problem.query.size(), 0.0F));
}

}  // namespace
}  // namespace kdqat::kernels
