#include "kdqat/quant/embedding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/support/tensors.h"

namespace kdqat::quant {
namespace {

using ::testing::ThrowsMessage;
using tests::all_within;
using tests::random_tensor;
using tests::same;

constexpr std::optional<Quantizer> kQuantizers[] = {std::nullopt, Quantizer::kTernary,
                                                    Quantizer::kTwnUniform4, Quantizer::kTwnUniform8,
                                                    Quantizer::kSymmetric8};
constexpr std::int64_t kRows = 9;
constexpr std::int64_t kWidth = 7;

torch::Tensor ids_with_repeats() { return torch::tensor({5, 2, 5, 8, 0, 5, 2}, torch::kInt64); }

/// Values on both sides of the clip.
torch::Tensor weights() { return random_tensor(1, {kRows, kWidth}, -3.0, 3.0).requires_grad_(); }

TEST(EmbeddingTest, LooksUpRowsEachQuantizedWithItsOwnScale) {
  const torch::Tensor weight = weights().detach();
  const torch::Tensor ids = ids_with_repeats();
  for (const std::optional<Quantizer>& quantizer : kQuantizers) {
    const torch::Tensor rows =
        (quantizer ? fake_quantize(weight, *quantizer, Granularity::kPerRow) : weight).index_select(0, ids);
    EXPECT_TRUE(same(embedding(ids, weight, quantizer, Form::kPlain), rows));
    EXPECT_TRUE(same(embedding(ids, weight, quantizer, Form::kFused), rows));
  }
}

TEST(EmbeddingTest, ASparseGradientHoldsTheDenseOnesSumsOfRepeatedIds) {
  const torch::Tensor gradient = random_tensor(2, {7, kWidth});
  for (const std::optional<Quantizer>& quantizer : kQuantizers) {
    const torch::Tensor plain = weights();
    const torch::Tensor fused = weights();
    embedding(ids_with_repeats(), plain, quantizer, Form::kPlain).backward(gradient);
    embedding(ids_with_repeats(), fused, quantizer, Form::kFused).backward(gradient);
    ASSERT_TRUE(fused.grad().is_sparse());
    ASSERT_FALSE(plain.grad().is_sparse());
    // Up to three values below 1, added in any order: two roundings of a sum below 3.
    EXPECT_TRUE(all_within(fused.grad().to_dense(), plain.grad(), 2.0 * 3.0 * tests::kRounding));
  }
}

TEST(EmbeddingTest, TheSparseGradientIsCoalescedAndHasTheLookedUpRowsAlone) {
  const torch::Tensor weight = weights();
  const torch::Tensor sum = embedding(ids_with_repeats(), weight, Quantizer::kTernary, Form::kFused).sum();
  const torch::Tensor gradient = torch::autograd::grad({sum}, {weight})[0];
  EXPECT_TRUE(gradient.is_coalesced());
  EXPECT_EQ(gradient.sizes(), weight.sizes());
  EXPECT_TRUE(same(gradient._indices(), torch::tensor({{0, 2, 5, 8}}, torch::kInt64)));
  const torch::Tensor counts = torch::tensor({1.0F, 2.0F, 3.0F, 1.0F}).unsqueeze(1);
  const torch::Tensor mask = pass_through_mask(weight.index_select(0, torch::tensor({0, 2, 5, 8})));
  EXPECT_TRUE(same(gradient._values(), counts * mask));
}

TEST(EmbeddingTest, WithoutAQuantizerTheClipEndsNoGradient) {
  const torch::Tensor weight = torch::full({2, 3}, 9.0F).requires_grad_();
  embedding(torch::tensor({1}, torch::kInt64), weight, std::nullopt, Form::kFused).sum().backward();
  EXPECT_TRUE(same(weight.grad().to_dense(), torch::tensor({{0.0F, 0.0F, 0.0F}, {1.0F, 1.0F, 1.0F}})));
}

TEST(EmbeddingTest, NoIdsGiveNoRowsAndAGradientOfZero) {
  const torch::Tensor none = torch::empty({0}, torch::kInt64);
  for (const Form form : {Form::kPlain, Form::kFused}) {
    const torch::Tensor weight = weights();
    const torch::Tensor rows = embedding(none, weight, Quantizer::kTernary, form);
    EXPECT_EQ(rows.sizes(), (torch::IntArrayRef{0, kWidth}));
    rows.sum().backward();
    EXPECT_TRUE(same(tests::dense_gradient(weight), torch::zeros({kRows, kWidth})));
  }
}

TEST(EmbeddingTest, ThePlainFormIsDifferentiableAgain) {
  const torch::Tensor weight = weights().detach().to(torch::kFloat64).requires_grad_();
  const torch::Tensor rows = embedding(ids_with_repeats(), weight, Quantizer::kTernary, Form::kPlain);
  const torch::Tensor first =
      torch::autograd::grad({rows.pow(2).sum()}, {weight}, {}, true, /*create_graph=*/true)[0];
  const torch::Tensor second = torch::autograd::grad({first.sum()}, {weight})[0];
  const torch::Tensor counts = torch::tensor({1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0, 1.0}, torch::kFloat64);
  EXPECT_TRUE(all_within(second, 2.0 * counts.unsqueeze(1) * pass_through_mask(weight), 1e-12));
}

TEST(EmbeddingTest, RefusesOtherShapesAndDtypes) {
  const torch::Tensor weight = torch::zeros({4, 3});
  EXPECT_THAT(
      [&] {
        embedding(torch::zeros({2, 2}, torch::kInt64), weight, {}, Form::kPlain);
      },
      ThrowsMessage<base::InvalidArgument>(
          "embedding: expected ids int64 [T] and weight [V, D], found Long [2, 2] and [4, 3]"));
  EXPECT_THAT([&] { embedding(torch::zeros({2}, torch::kInt32), weight, {}, Form::kFused); },
              ThrowsMessage<base::InvalidArgument>(
                  "embedding: expected ids int64 [T] and weight [V, D], found Int [2] and [4, 3]"));
  EXPECT_THAT([&] { embedding(torch::zeros({2}, torch::kInt64), torch::zeros({4}), {}, Form::kPlain); },
              ThrowsMessage<base::InvalidArgument>(
                  "embedding: expected ids int64 [T] and weight [V, D], found Long [2] and [4]"));
}

TEST(EmbeddingTest, TheFusedFormRefusesAnotherDtype) {
  EXPECT_THAT(
      [] {
        embedding(torch::zeros({2}, torch::kInt64), torch::zeros({4, 3}, torch::kFloat64), {}, Form::kFused);
      },
      ThrowsMessage<base::InvalidArgument>(
          "embedding: the fused form takes float32 on a CPU, found Double on cpu"));
}

TEST(EmbeddingTest, RefusesIdsOutsideOfTheTable) {
  for (const Form form : {Form::kPlain, Form::kFused}) {
    EXPECT_THAT(
        [&] {
          embedding(torch::tensor({0, 4, 1}, torch::kInt64), torch::zeros({4, 3}), {}, form);
        },
        ThrowsMessage<base::InvalidArgument>("embedding: expected ids from 0 to 3, found 4"));
    EXPECT_THAT(
        [&] {
          embedding(torch::tensor({0, -1, 9}, torch::kInt64), torch::zeros({4, 3}), {}, form);
        },
        ThrowsMessage<base::InvalidArgument>("embedding: expected ids from 0 to 3, found -1"));
  }
}

}  // namespace
}  // namespace kdqat::quant
