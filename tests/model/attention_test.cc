#include "kdqat/model/attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/support/tensors.h"

namespace kdqat::model {
namespace {

using kernels::AttentionScales;
using quant::Form;
using tests::all_within;
using tests::random_tensor;
using tests::same;

constexpr std::int64_t kHeads = 3;
const std::vector<std::int64_t> kCuSeqlens = {0, 7, 8, 20, 22, 35};
constexpr AttentionScales kScales[] = {AttentionScales::kNone, AttentionScales::kHead,
                                       AttentionScales::kTensor};

std::int64_t pairs() {
  return kernels::AttentionShape{.cu_seqlens = kCuSeqlens, .heads = kHeads}.ragged_size();
}

/// Query, key and value as leaves, some values beyond the clip.
AttentionInputs draw_inputs(std::int64_t head_size, AttentionScales scales, bool dropout,
                            torch::ScalarType dtype = torch::kFloat32) {
  const auto leaf = [&](std::uint64_t seed) {
    return random_tensor(seed, {kCuSeqlens.back(), kHeads * head_size}, -2.6, 2.6).to(dtype).requires_grad_();
  };
  AttentionInputs inputs{.query = leaf(1),
                         .key = leaf(2),
                         .value = leaf(3),
                         .dropout = {},
                         .cu_seqlens = kCuSeqlens,
                         .heads = kHeads,
                         .scales = scales};
  if (dropout) inputs.dropout = draw_dropout({.seed = 4}, 0.3, pairs());
  return inputs;
}

/// <random weights, the signals chosen by the bits of `which`>.
torch::Tensor weighted(const AttentionSignals& signals, int which) {
  torch::Tensor total = torch::zeros({}, signals.map.options());
  const torch::Tensor* all[] = {&signals.scores, &signals.map, &signals.context};
  for (int i = 0; i < 3; ++i) {
    if ((which >> i & 1) == 0) continue;
    const torch::Tensor& signal = *all[i];
    const auto seed = static_cast<std::uint64_t>(10 + i);
    total = total + (signal * random_tensor(seed, signal.sizes().vec()).to(signal.options())).sum();
  }
  return total;
}

/// Sums of up to 33 products of values up to 2.6 and three of them in a row: some tens of roundings of values
/// up to 40.
constexpr double kTolerance = 1e-4;

TEST(AttentionTest, TheFusedFormIsThePlainFormInDouble) {
  for (const std::int64_t head_size : {8, 11}) {
    for (const AttentionScales scales : kScales) {
      for (const bool dropout : {false, true}) {
        for (int which = 1; which < 8; ++which) {
          SCOPED_TRACE(base::concat("head size ", head_size, ", scales ", static_cast<int>(scales),
                                    dropout ? ", dropout" : "", ", gradients of ", which));
          const AttentionInputs fused = draw_inputs(head_size, scales, dropout);
          const AttentionInputs plain = draw_inputs(head_size, scales, dropout, torch::kFloat64);
          const AttentionSignals actual = attention(fused, Form::kFused);
          const AttentionSignals expected = attention(plain, Form::kPlain);
          EXPECT_TRUE(all_within(actual.scores, expected.scores, kTolerance));
          EXPECT_TRUE(all_within(actual.map, expected.map, kTolerance));
          EXPECT_TRUE(all_within(actual.context, expected.context, kTolerance));
          weighted(actual, which).backward();
          weighted(expected, which).backward();
          for (const auto operand :
               {&AttentionInputs::query, &AttentionInputs::key, &AttentionInputs::value}) {
            EXPECT_TRUE(all_within(tests::dense_gradient(fused.*operand),
                                   tests::dense_gradient(plain.*operand), kTolerance));
          }
        }
      }
    }
  }
}

TEST(AttentionTest, OnlyQuantizedOperandsLoseTheirGradientBeyondTheClip) {
  for (const Form form : {Form::kPlain, Form::kFused}) {
    for (const AttentionScales scales : kScales) {
      const AttentionInputs inputs = draw_inputs(8, scales, false);
      weighted(attention(inputs, form), 7).backward();
      for (const auto operand : {&AttentionInputs::query, &AttentionInputs::key, &AttentionInputs::value}) {
        const torch::Tensor beyond = (inputs.*operand).detach().abs().ge(2.5);
        ASSERT_GT(beyond.sum().item<std::int64_t>(), 10);
        const bool all_zero = (inputs.*operand).grad().masked_select(beyond).eq(0.0).all().item<bool>();
        EXPECT_EQ(all_zero, scales != AttentionScales::kNone);
      }
    }
  }
}

TEST(AttentionTest, TheMapIsReadBeforeDropout) {
  for (const Form form : {Form::kPlain, Form::kFused}) {
    const AttentionSignals without = attention(draw_inputs(8, AttentionScales::kHead, false), form);
    const AttentionSignals with = attention(draw_inputs(8, AttentionScales::kHead, true), form);
    EXPECT_TRUE(same(with.map, without.map));
    EXPECT_FALSE(torch::equal(with.context, without.context));
  }
}

TEST(AttentionTest, StridedOperandsAreReadInTheirOwnOrder) {
  for (const Form form : {Form::kPlain, Form::kFused}) {
    for (const AttentionScales scales : kScales) {
      const AttentionInputs inputs = draw_inputs(8, scales, false);
      AttentionInputs strided = inputs;
      for (const auto operand : {&AttentionInputs::query, &AttentionInputs::key, &AttentionInputs::value}) {
        strided.*operand = (inputs.*operand).detach().t().contiguous().t().requires_grad_();
      }
      EXPECT_TRUE(same(attention(strided, form).context, attention(inputs, form).context));
      weighted(attention(inputs, form), 7).backward();
      weighted(attention(strided, form), 7).backward();
      EXPECT_TRUE(all_within(strided.query.grad(), inputs.query.grad(), 1e-6));
    }
  }
}

}  // namespace
}  // namespace kdqat::model
