#include "kdqat/model/encoder_block.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"
#include "kdqat/model/layer_ops.h"
#include "tests/support/tensors.h"

namespace kdqat::model {
namespace {

using quant::Form;
using quant::Precision;
using tests::random_tensor;

// Several groups of tokens for each of three threads, and a last one that is no whole block.
constexpr std::int64_t kTokens = 437;
constexpr std::int64_t kHidden = 48;
constexpr std::int64_t kWide = 80;

/// How a block is run and which of its signals a loss reads besides the last.
struct Case {
  Form form = Form::kFused;
  Precision precision = Precision::kFp32;
  bool quantized = true;
  bool dropout = true;
  bool all_signals = true;
  encoder::NormOrder norm_order = encoder::NormOrder::kPost;
  bool gated = false;
  kernels::Activation activation = kernels::Activation::kGelu;
};

encoder::LayerResult<torch::Tensor> reference(const BlockInputs& inputs, const EncoderLayer& layer) {
  const LayerMasks masks{
      .sa_output = inputs.sa_output_dropout, .intermediate = {}, .output = inputs.output_dropout};
  LayerOps ops({.spec = inputs.spec, .layer = layer, .linear = inputs.linear, .cu_seqlens = {}}, masks);
  return encoder::finish_layer(ops, inputs.spec, inputs.hidden, inputs.context);
}

/// Signals, and gradients of both inputs and all parameters.
std::vector<torch::Tensor> run(const Case& how) {
  std::uint64_t seed = 0;
  std::vector<torch::Tensor> leaves;
  const auto leaf = [&](const std::vector<std::int64_t>& shape, double size) {
    leaves.push_back(random_tensor(++seed, shape, -size, size).requires_grad_());
    return leaves.back();
  };
  const auto linear_of = [&](std::int64_t out, std::int64_t in) {
    torch::Tensor weight = leaf({out, in}, 0.3);
    return quant::LinearParameters{.weight = weight, .bias = leaf({out}, 1.0)};
  };
  const auto norm_of = [&] {
    torch::Tensor weight = leaf({kHidden}, 2.0);
    return LayerNorm{.weight = weight, .bias = leaf({kHidden}, 1.0)};
  };
  encoder::EncoderSpec spec;
  spec.norm_order = how.norm_order;
  spec.gated = how.gated;
  spec.hidden_act = how.activation;
  BlockInputs inputs{.spec = spec,
                     .context = leaf({kTokens, kHidden}, 3.0),
                     .hidden = leaf({kTokens, kHidden}, 3.0),
                     .sa_output_dropout = {},
                     .output_dropout = {},
                     .linear = {.quantization = {}, .form = how.form, .precision = how.precision}};
  if (how.quantized) inputs.linear.quantization.weight = quant::Quantizer::kTernary;
  if (how.dropout) {
    inputs.sa_output_dropout = draw_dropout({.seed = 1, .site = 1}, 0.2, kTokens * kHidden);
    inputs.output_dropout = draw_dropout({.seed = 1, .site = 2}, 0.2, kTokens * kHidden);
  }
  EncoderLayer layer;
  layer.attention_output = linear_of(kHidden, kHidden);
  layer.intermediate = linear_of(kWide, kHidden);
  if (how.gated) layer.gate = linear_of(kWide, kHidden);
  layer.output = linear_of(kHidden, kWide);
  if (how.norm_order == encoder::NormOrder::kPost) layer.attention_norm = norm_of();
  layer.output_norm = norm_of();
  const encoder::LayerResult<torch::Tensor> signals =
      how.form == Form::kFused ? encoder_block(inputs, layer) : reference(inputs, layer);
  torch::Tensor loss = (signals.hidden * random_tensor(101, {kTokens, kHidden})).sum();
  if (how.all_signals) {
    loss = loss + (signals.sa_output * random_tensor(102, {kTokens, kHidden})).sum() +
           (signals.attention_output * random_tensor(103, {kTokens, kHidden})).sum();
  }
  loss.backward();
  std::vector<torch::Tensor> result = {signals.sa_output.detach(), signals.attention_output.detach(),
                                       signals.hidden.detach()};
  for (const torch::Tensor& tensor : leaves) result.push_back(tensor.grad());
  return result;
}

/// `tolerance` is relative to the norm of each.
void expect_near(const std::vector<torch::Tensor>& actual, const std::vector<torch::Tensor>& expected,
                 double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_LE((actual[i] - expected[i]).norm().item<double>(), tolerance * expected[i].norm().item<double>())
        << i;
  }
}

template <typename Body>
void for_cases(const Body& body) {
  for (const bool quantized : {false, true}) {
    for (const bool dropout : {false, true}) {
      for (const bool all_signals : {false, true}) {
        SCOPED_TRACE(
            base::concat("quantized ", quantized, ", dropout ", dropout, ", all signals ", all_signals));
        body(Case{.quantized = quantized, .dropout = dropout, .all_signals = all_signals});
      }
    }
  }
}

TEST(EncoderBlockTest, TheFusedFormIsThePlainForm) {
  for_cases([](Case how) {
    const std::vector<torch::Tensor> fused = run(how);
    how.form = Form::kPlain;
    // Sums of up to 437 terms, a few products deep, each rounded by half of 2^-23.
    expect_near(fused, run(how), 1e-5);
  });
}

TEST(EncoderBlockTest, EveryFamilysBlockIsItsPlainForm) {
  for (const encoder::NormOrder norm_order : {encoder::NormOrder::kPost, encoder::NormOrder::kPre}) {
    for (const bool gated : {false, true}) {
      for (const kernels::Activation activation : {kernels::Activation::kGelu, kernels::Activation::kGeluTanh,
                                                   kernels::Activation::kRelu, kernels::Activation::kSilu}) {
        for_cases([&](Case how) {
          how.norm_order = norm_order;
          how.gated = gated;
          how.activation = activation;
          SCOPED_TRACE(base::concat("pre-norm ", norm_order == encoder::NormOrder::kPre, ", gated ", gated,
                                    ", activation ", static_cast<int>(activation)));
          const std::vector<torch::Tensor> fused = run(how);
          how.form = Form::kPlain;
          expect_near(fused, run(how), 1e-5);  // as above
        });
      }
    }
  }
}

TEST(EncoderBlockTest, Bfloat16RoundsTheFactorsAlone) {
  for_cases([](Case how) {
    const std::vector<torch::Tensor> exact = run(how);
    how.precision = Precision::kBf16;
    // Half of 2^-8 a factor, random in sign, four products and their gradients deep. What a wrong row, scale
    // or mask does is a tenth of the norm and more.
    expect_near(run(how), exact, 2e-2);
  });
}

TEST(EncoderBlockTest, GroupsAndThreadsDoNotChangeTheBits) {
  const int before = base::num_threads();
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    base::set_num_threads(1);
    const std::vector<torch::Tensor> expected = run({.precision = precision});
    for (const int threads : {2, 3}) {
      base::set_num_threads(threads);
      const std::vector<torch::Tensor> actual = run({.precision = precision});
      // oneDNN's products of float32 add in an order of its own for each thread count.
      if (precision == Precision::kFp32) {
        expect_near(actual, expected, 1e-5);
        continue;
      }
      for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(tests::same(actual[i], expected[i])) << i;
    }
  }
  base::set_num_threads(before);
}

}  // namespace
}  // namespace kdqat::model
