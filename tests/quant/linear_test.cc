#include "kdqat/quant/linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/kernels/matmul.h"
#include "tests/support/tensors.h"

namespace kdqat::quant {
namespace {

using ::testing::ThrowsMessage;
using tests::all_within;
using tests::kRounding;
using tests::random_tensor;
using tests::same;

struct Sizes {
  std::int64_t tokens;
  std::int64_t in;
  std::int64_t out;
};

constexpr Sizes kSizes[] = {{1, 1, 1}, {3, 5, 7}, {1, 33, 2}, {13, 33, 17}, {41, 64, 31}};

/// Inputs and parameters on both sides of the clip, and a gradient that arrives.
struct Problem {
  explicit Problem(const Sizes& sizes, torch::ScalarType dtype = torch::kFloat32)
      : x(leaf(1, {sizes.tokens, sizes.in}, dtype)),
        layer{.weight = leaf(2, {sizes.out, sizes.in}, dtype), .bias = leaf(3, {sizes.out}, dtype)},
        gradient(random_tensor(4, {sizes.tokens, sizes.out}).to(dtype)) {}

  static torch::Tensor leaf(std::uint64_t seed, const std::vector<std::int64_t>& shape,
                            torch::ScalarType dtype) {
    return random_tensor(seed, shape, -3.0, 3.0).to(dtype).requires_grad_();
  }

  torch::Tensor x;
  LinearParameters layer;
  torch::Tensor gradient;
};

std::string to_string(const Sizes& sizes, const LinearQuantization& quantization) {
  return base::concat(sizes.tokens, " x ", sizes.in, " x ", sizes.out, ", weight ",
                      quantization.weight ? static_cast<int>(*quantization.weight) : -1,
                      quantization.weight_granularity == Granularity::kPerRow ? " per row" : " per tensor",
                      !quantization.quantize_input                             ? ", input as it is"
                      : quantization.input_granularity == Granularity::kPerRow ? ", input per row"
                                                                               : ", input per tensor");
}

std::vector<LinearQuantization> all_quantizations() {
  std::vector<LinearQuantization> result;
  for (const std::optional<Quantizer>& weight :
       {std::optional<Quantizer>(), std::optional(Quantizer::kTernary),
        std::optional(Quantizer::kTwnUniform4), std::optional(Quantizer::kTwnUniform8),
        std::optional(Quantizer::kSymmetric8)}) {
    for (const Granularity weight_granularity : {Granularity::kPerTensor, Granularity::kPerRow}) {
      for (const Granularity input_granularity : {Granularity::kPerTensor, Granularity::kPerRow}) {
        for (const bool quantize_input : {false, true}) {
          result.push_back({.weight = weight,
                            .weight_granularity = weight_granularity,
                            .quantize_input = quantize_input,
                            .input_granularity = input_granularity});
        }
      }
    }
  }
  return result;
}

/// Magnitudes of the factors as they enter the product, in double.
struct Magnitudes {
  Magnitudes(const Problem& problem, const LinearQuantization& quantization) {
    const torch::NoGradGuard no_grad;
    x = (quantization.quantize_input
             ? fake_quantize(problem.x, Quantizer::kSymmetric8, quantization.input_granularity)
             : problem.x)
            .to(torch::kFloat64)
            .abs();
    weight = (quantization.weight
                  ? fake_quantize(problem.layer.weight, *quantization.weight, quantization.weight_granularity)
                  : problem.layer.weight)
                 .to(torch::kFloat64)
                 .abs();
    bias = problem.layer.bias.to(torch::kFloat64).abs();
    gradient = problem.gradient.to(torch::kFloat64).abs();
  }

  torch::Tensor x;
  torch::Tensor weight;
  torch::Tensor bias;
  torch::Tensor gradient;
};

/// Holds the fused form to the plain form in double, whose only roundings are those of code * scale. A sum of
/// n products rounds n times; scales, their products and the bias add at most six.
void expect_forms_agree(const Sizes& sizes, const LinearQuantization& quantization) {
  const Problem fused(sizes);
  const Problem plain(sizes, torch::kFloat64);
  const torch::Tensor y = linear(fused.x, fused.layer, {.quantization = quantization});
  const torch::Tensor expected =
      linear(plain.x, plain.layer, {.quantization = quantization, .form = Form::kPlain});
  y.backward(fused.gradient);
  expected.backward(plain.gradient);

  const Magnitudes of(fused, quantization);
  const auto tolerance = [](std::int64_t terms, const torch::Tensor& magnitude) {
    return static_cast<double>(terms + 6) * kRounding * magnitude;
  };
  EXPECT_TRUE(all_within(y, expected, tolerance(sizes.in, of.x.matmul(of.weight.t()) + of.bias)));
  EXPECT_TRUE(
      all_within(fused.x.grad(), plain.x.grad(), tolerance(sizes.out, of.gradient.matmul(of.weight))));
  EXPECT_TRUE(all_within(fused.layer.weight.grad(), plain.layer.weight.grad(),
                         tolerance(sizes.tokens, of.gradient.t().matmul(of.x))));
  EXPECT_TRUE(all_within(fused.layer.bias.grad(), plain.layer.bias.grad(),
                         tolerance(sizes.tokens, of.gradient.sum(0))));
}

TEST(LinearTest, TheFusedFormIsThePlainFormForEveryQuantization) {
  for (const Sizes& sizes : kSizes) {
    for (const LinearQuantization& quantization : all_quantizations()) {
      SCOPED_TRACE(to_string(sizes, quantization));
      expect_forms_agree(sizes, quantization);
    }
  }
}

TEST(LinearTest, TheProductOfCodesIsExact) {
  const Sizes sizes{.tokens = 9, .in = 3001, .out = 5};
  for (const LinearQuantization& quantization : all_quantizations()) {
    if (!quantization.quantize_input || !quantization.weight) continue;
    SCOPED_TRACE(to_string(sizes, quantization));
    const Problem problem(sizes);
    const torch::NoGradGuard no_grad;
    const QuantizedTensor x = quantize(problem.x, Quantizer::kSymmetric8, quantization.input_granularity);
    const QuantizedTensor weight =
        quantize(problem.layer.weight, *quantization.weight, quantization.weight_granularity);
    const torch::Tensor sums = x.codes.to(torch::kInt64).matmul(weight.codes.to(torch::kInt64).t());
    const torch::Tensor scales = x.scales.unsqueeze(1) * weight.scales;
    const torch::Tensor expected = sums.to(torch::kFloat32) * scales + problem.layer.bias;
    EXPECT_TRUE(same(linear(problem.x, problem.layer, {.quantization = quantization}), expected));
  }
}

TEST(LinearTest, LayersThatShareAnInputAreSingleLayers) {
  const LinearQuantization quantization{.weight = Quantizer::kTernary, .quantize_input = true};
  const Sizes sizes{.tokens = 13, .in = 33, .out = 17};
  const auto layers = [&] {
    std::vector<LinearParameters> result;
    for (std::uint64_t i = 0; i < 3; ++i) {
      result.push_back(
          {.weight =
               Problem::leaf(10 + i, {sizes.out - static_cast<std::int64_t>(i), sizes.in}, torch::kFloat32),
           .bias = Problem::leaf(20 + i, {sizes.out - static_cast<std::int64_t>(i)}, torch::kFloat32)});
    }
    return result;
  };
  for (const Form form : {Form::kPlain, Form::kFused}) {
    const LinearOptions options{.quantization = quantization, .form = form};
    const std::vector<LinearParameters> shared = layers();
    const std::vector<LinearParameters> single = layers();
    const torch::Tensor x = Problem::leaf(1, {sizes.tokens, sizes.in}, torch::kFloat32);
    const std::vector<torch::Tensor> outputs = linear(x, shared, options);
    torch::Tensor total = torch::zeros({});
    torch::Tensor x_gradient = torch::zeros({sizes.tokens, sizes.in});
    for (std::size_t i = 0; i < 3; ++i) {
      const torch::Tensor x_alone = x.detach().clone().requires_grad_();
      const torch::Tensor y = linear(x_alone, single[i], options);
      EXPECT_TRUE(same(outputs[i], y));
      y.pow(2).sum().backward();
      x_gradient += x_alone.grad();
      total = total + outputs[i].pow(2).sum();
    }
    total.backward();
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(same(shared[i].weight.grad(), single[i].weight.grad()));
      EXPECT_TRUE(same(shared[i].bias.grad(), single[i].bias.grad()));
    }
    // Three terms, added in any order.
    EXPECT_TRUE(all_within(x.grad(), x_gradient, 3.0 * kRounding * x_gradient.abs().max()));
  }
}

TEST(LinearTest, ALayerWhoseOutputIsNotUsedHasAGradientOfZero) {
  const std::vector<LinearParameters> layers = {Problem({2, 5, 3}).layer, Problem({2, 5, 4}).layer};
  const torch::Tensor x = Problem::leaf(1, {2, 5}, torch::kFloat32);
  linear(x, layers, {})[1].sum().backward();
  EXPECT_TRUE(same(tests::dense_gradient(layers[0].weight), torch::zeros({3, 5})));
  EXPECT_TRUE(same(tests::dense_gradient(layers[0].bias), torch::zeros({3})));
  EXPECT_TRUE(all_within(x.grad(), layers[1].weight.sum(0).expand({2, 5}), 4.0 * kRounding * 12.0));
}

TEST(LinearTest, NoTokensGiveNoOutputsAndGradientsOfZero) {
  for (const LinearQuantization& quantization : all_quantizations()) {
    const Problem problem({0, 5, 3});
    const torch::Tensor y = linear(problem.x, problem.layer, {.quantization = quantization});
    EXPECT_EQ(y.sizes(), (torch::IntArrayRef{0, 3}));
    y.sum().backward();
    EXPECT_TRUE(same(problem.layer.weight.grad(), torch::zeros({3, 5})));
    EXPECT_TRUE(same(problem.layer.bias.grad(), torch::zeros({3})));
  }
}

TEST(LinearTest, Bfloat16IsCloseToFloat32) {
  const Sizes sizes{.tokens = 13, .in = 33, .out = 17};
  // Each factor is rounded to 8 bits, by 2^-9 of itself; codes stay as they are. A tenth more for the sums in
  // float32.
  constexpr double kTolerance = 1.1 * 0x1p-9;
  for (const LinearQuantization& quantization : all_quantizations()) {
    SCOPED_TRACE(to_string(sizes, quantization));
    const Problem exact(sizes);
    const Problem rounded(sizes);
    const torch::Tensor expected = linear(exact.x, exact.layer, {.quantization = quantization});
    const torch::Tensor y =
        linear(rounded.x, rounded.layer, {.quantization = quantization, .precision = Precision::kBf16});
    expected.backward(exact.gradient);
    y.backward(rounded.gradient);
    const Magnitudes of(exact, quantization);
    const double for_weight = quantization.weight ? kTolerance : 2.0 * kTolerance;
    const double for_input = quantization.quantize_input ? kTolerance : 2.0 * kTolerance;
    EXPECT_TRUE(all_within(y, expected, 2.0 * kTolerance * of.x.matmul(of.weight.t())));
    EXPECT_TRUE(all_within(rounded.x.grad(), exact.x.grad(), for_weight * of.gradient.matmul(of.weight)));
    EXPECT_TRUE(all_within(rounded.layer.weight.grad(), exact.layer.weight.grad(),
                           for_input * of.gradient.t().matmul(of.x)));
    EXPECT_TRUE(same(rounded.layer.bias.grad(), exact.layer.bias.grad()));
    const bool integers = quantization.weight == Quantizer::kTernary && quantization.quantize_input;
    if (integers || !kernels::has_bf16_products()) {
      EXPECT_TRUE(same(y, expected));
    } else if (!quantization.weight) {
      EXPECT_FALSE(torch::equal(y, expected));
    }
  }
}

/// y and the gradients of x, weight and bias, with GELU at the input.
std::vector<torch::Tensor> run_after_gelu(const Problem& problem, const LinearQuantization& quantization,
                                          Form form) {
  const torch::Tensor y =
      linear(problem.x, problem.layer,
             {.quantization = quantization, .activation = kernels::Activation::kGelu, .form = form});
  y.backward(problem.gradient);
  return {y, problem.x.grad(), problem.layer.weight.grad(), problem.layer.bias.grad()};
}

TEST(LinearTest, AfterGeluTheFusedFormIsThePlainForm) {
  for (const LinearQuantization& quantization : all_quantizations()) {
    const Sizes sizes{.tokens = 13, .in = 33, .out = 17};
    SCOPED_TRACE(to_string(sizes, quantization));
    const auto fused = run_after_gelu(Problem(sizes), quantization, Form::kFused);
    const auto plain = run_after_gelu(Problem(sizes, torch::kFloat64), quantization, Form::kPlain);
    // GELU errs by 3e-7, each sum of up to 33 terms by some roundings of terms up to 9; where GELU(x) lies
    // that near to the middle of two codes, one of a row's 33 is another, and differs by 1/127 of the
    // largest.
    const double tolerance = quantization.quantize_input ? 1e-2 : 1e-5;
    for (std::size_t i = 0; i < fused.size(); ++i) {
      const double norm = plain[i].norm().item<double>();
      EXPECT_LE((fused[i].to(torch::kFloat64) - plain[i]).norm().item<double>(), tolerance * norm) << i;
    }
  }
}

TEST(LinearTest, APreparedWeightGivesTheSameBits) {
  const torch::NoGradGuard no_grad;
  const Problem problem({13, 33, 17});
  LinearParameters frozen = problem.layer;
  frozen.weight = prepare_for_products(frozen.weight, Precision::kBf16);
  const LinearOptions options{.quantization = {}, .precision = Precision::kBf16};
  EXPECT_TRUE(same(linear(problem.x, frozen, options), linear(problem.x, problem.layer, options)));
}

TEST(LinearTest, PrecisionHasNoEffectInThePlainForm) {
  const Problem problem({3, 5, 7});
  EXPECT_TRUE(same(linear(problem.x, problem.layer,
                          {.quantization = {}, .form = Form::kPlain, .precision = Precision::kBf16}),
                   linear(problem.x, problem.layer, {.quantization = {}, .form = Form::kPlain})));
}

TEST(LinearTest, ThePlainFormIsDifferentiableAgain) {
  const Problem problem({1, 1, 1}, torch::kFloat64);
  const torch::Tensor y = linear(problem.x, problem.layer, {.quantization = {}, .form = Form::kPlain});
  const torch::Tensor first =
      torch::autograd::grad({y.pow(2).sum()}, {problem.x}, {}, true, /*create_graph=*/true)[0];
  const torch::Tensor second = torch::autograd::grad({first.sum()}, {problem.layer.weight})[0];
  // y = w x + b: d(y^2)/dx = 2 w y, and d(2 w y)/dw = 2 y + 2 w x.
  EXPECT_TRUE(all_within(second, 2.0 * y + 2.0 * problem.layer.weight * problem.x, 1e-12));
}

TEST(LinearTest, RefusesShapesThatDoNotFit) {
  const auto call = [](const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
    for (const Form form : {Form::kPlain, Form::kFused}) {
      EXPECT_THAT([&] { linear(x, {.weight = weight, .bias = bias}, {.quantization = {}, .form = form}); },
                  ThrowsMessage<base::InvalidArgument>(
                      base::concat("linear: expected x [T, in], weight [out, in], bias [out], found ",
                                   x.sizes(), ", ", weight.sizes(), ", ", bias.sizes())));
    }
  };
  call(torch::zeros({2, 3}), torch::zeros({5, 4}), torch::zeros({5}));
  call(torch::zeros({2, 3}), torch::zeros({5, 3}), torch::zeros({4}));
  call(torch::zeros({2, 3}), torch::zeros({5, 3}), torch::zeros({5, 1}));
  call(torch::zeros({3}), torch::zeros({5, 3}), torch::zeros({5}));
  call(torch::zeros({2, 3}), torch::zeros({3}), torch::zeros({5}));
}

TEST(LinearTest, AsymmetricWeightsHaveThePlainFormAlone) {
  const Problem problem({3, 5, 7});
  const LinearQuantization quantization{.weight = Quantizer::kAsymmetric8};
  const torch::Tensor weight =
      fake_quantize(problem.layer.weight, Quantizer::kAsymmetric8, Granularity::kPerTensor);
  EXPECT_TRUE(same(linear(problem.x, problem.layer, {.quantization = quantization, .form = Form::kPlain}),
                   torch::matmul(problem.x, weight.t()) + problem.layer.bias));
  EXPECT_THAT([&] { linear(problem.x, problem.layer, {.quantization = quantization, .form = Form::kFused}); },
              ThrowsMessage<base::InvalidArgument>(
                  "quantizer: asymmetric min-max has no codes that are multiples of a scale"));
}

TEST(LinearTest, TheFusedFormRefusesAnotherDtype) {
  const auto call = [](torch::ScalarType x, torch::ScalarType weight) {
    linear(torch::zeros({2, 3}, x), {.weight = torch::zeros({5, 3}, weight), .bias = torch::zeros({5})}, {});
  };
  EXPECT_THAT([&] { call(torch::kFloat64, torch::kFloat32); },
              ThrowsMessage<base::InvalidArgument>(
                  "linear: the fused form takes float32 on a CPU, found Double on cpu"));
  EXPECT_THAT([&] { call(torch::kFloat32, torch::kBFloat16); },
              ThrowsMessage<base::InvalidArgument>(
                  "linear: the fused form takes float32 on a CPU, found BFloat16 on cpu"));
}

}  // namespace
}  // namespace kdqat::quant
