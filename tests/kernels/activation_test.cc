#include "kdqat/kernels/activation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/kernels/quantize.h"
#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using Floats = std::vector<float>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::int64_t size_of(const Floats& x) { return static_cast<std::int64_t>(x.size()); }
double sigmoid_of(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// A function in double, and how far the kernel may be from it.
struct Expected {
  double value;
  double slope;
  double value_tolerance;
  double slope_tolerance;
};

Expected expected_gelu(double x) {
  const double distribution = 0.5 * std::erfc(-x / std::numbers::sqrt2);
  const double density = std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi);
  const double slope = distribution + x * density;
  // Phi errs by 3e-7 at most. The exponent of phi is rounded once, e^x errs by two units (four roundings);
  // its constant and two products round. Then the sum rounds.
  const double of_density = (0.5 * x * x + 7.0) * kRounding * std::fabs(x) * density;
  return {x * distribution, slope, 3e-7 * std::fabs(x), 3e-7 + of_density + kRounding * std::fabs(slope)};
}

Expected expected_gelu_tanh(double x) {
  const double constant = 2.0 * std::sqrt(2.0 / std::numbers::pi);
  const double z = constant * (x + 0.044715 * x * x * x);
  const double inner = constant * (1.0 + 3.0 * 0.044715 * x * x);
  const double s = sigmoid_of(z);
  const double complement = sigmoid_of(-z);
  // z: two constants, four products and a sum of terms of one sign round. They move sigmoid in proportion to
  // z and its complement; sigmoid itself errs by four units (eight roundings), the product by one.
  const double of_value = 7.0 * std::fabs(z) * complement + 9.0;
  // The second term: inner, z, s and its complement, and the products.
  const double second = std::fabs(x) * inner * s * complement;
  return {x * s, s + x * inner * s * complement, kRounding * std::fabs(x) * s * of_value,
          kRounding * (s * of_value + second * (7.0 * std::fabs(z) + 8.0 + 8.0 + 7.0 + 3.0) + s + second)};
}

Expected expected_silu(double x) {
  const double s = sigmoid_of(x);
  const double second = std::fabs(x) * s * sigmoid_of(-x);
  // Eight roundings of each of sigmoid and its complement; two products; the sum.
  return {x * s, s + x * s * sigmoid_of(-x), 9.0 * kRounding * std::fabs(x) * s,
          kRounding * (9.0 * s + 19.0 * second)};
}

Expected expected_tanh(double x) {
  const double root = 1.0 / std::cosh(x);
  // Four units of tanh; eight roundings of each of sigmoid(2 x) and its complement, and a product.
  return {std::tanh(x), root * root, 8.0 * kRounding * std::fabs(std::tanh(x)),
          17.0 * kRounding * root * root};
}

Expected expected(Activation activation, double x) {
  switch (activation) {
    case Activation::kGelu:
      return expected_gelu(x);
    case Activation::kGeluTanh:
      return expected_gelu_tanh(x);
    case Activation::kRelu:
      return {std::max(x, 0.0), x > 0.0 ? 1.0 : 0.0, 0.0, 0.0};
    case Activation::kSilu:
      return expected_silu(x);
    case Activation::kTanh:
      return expected_tanh(x);
  }
  return {};
}

class ActivationTest : public ::testing::TestWithParam<Activation> {
 protected:
  static Floats forward(const Floats& x) {
    Floats out(x.size(), std::numeric_limits<float>::quiet_NaN());
    activate(GetParam(), x.data(), size_of(x), out.data());
    return out;
  }

  static Floats backward(const Floats& x, float clip, Floats gradient) {
    activate_backward(GetParam(), x.data(), size_of(x), clip, gradient.data());
    return gradient;
  }

  static Floats slopes(const Floats& x) { return backward(x, kInfinity, Floats(x.size(), 1.0F)); }
};

std::string name_of(const ::testing::TestParamInfo<Activation>& info) {
  switch (info.param) {
    case Activation::kGelu:
      return "Gelu";
    case Activation::kGeluTanh:
      return "GeluTanh";
    case Activation::kRelu:
      return "Relu";
    case Activation::kSilu:
      return "Silu";
    case Activation::kTanh:
      return "Tanh";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(AllActivations, ActivationTest,
                         ::testing::Values(Activation::kGelu, Activation::kGeluTanh, Activation::kRelu,
                                           Activation::kSilu, Activation::kTanh),
                         name_of);

/// Every size up to 67, a large one, and values from 0 to where nothing is left of the tails.
template <typename Body>
void for_values(const Body& body) {
  for (std::int64_t size = 1; size <= 67; ++size) body(random_values(static_cast<std::uint64_t>(size), size));
  body(random_values(1, 100003, -15.0, 15.0));
  body(random_values(2, 10007, -1e-3, 1e-3));
}

/// Below the normal numbers e^x is 0 in float32.
constexpr double kVanishing = 2.4e-38;

TEST_P(ActivationTest, ForwardFollowsTheFormula) {
  for_values([](const Floats& x) {
    const Floats out = forward(x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto value = static_cast<double>(x[i]);
      const Expected at = expected(GetParam(), value);
      ASSERT_NEAR(static_cast<double>(out[i]), at.value,
                  1.001 * at.value_tolerance + kVanishing * std::fabs(value))
          << value;
    }
  });
}

TEST_P(ActivationTest, BackwardIsTheDerivativeTimesGradOutput) {
  for_values([](const Floats& x) {
    const Floats grad_output = random_values(7, size_of(x));
    const Floats gradient = backward(x, kInfinity, grad_output);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto value = static_cast<double>(x[i]);
      const auto factor = static_cast<double>(grad_output[i]);
      const Expected at = expected(GetParam(), value);
      // The product with grad_output rounds too.
      const double tolerance = 1.001 * (at.slope_tolerance + kRounding * std::fabs(at.slope));
      ASSERT_NEAR(static_cast<double>(gradient[i]), factor * at.slope,
                  (tolerance + kVanishing * (1.0 + std::fabs(value * value * value))) * std::fabs(factor))
          << value;
    }
  });
}

TEST_P(ActivationTest, TheDerivativeIsThatOfFiniteDifferences) {
  constexpr double kStep = 1e-5;
  for (int i = -3000; i <= 3000; ++i) {
    const double x = (i + 0.5) / 200.0;
    const double difference =
        (expected(GetParam(), x + kStep).value - expected(GetParam(), x - kStep).value) / (2.0 * kStep);
    // Truncation near the step's square, cancellation near 1e-15 / 1e-5.
    ASSERT_NEAR(expected(GetParam(), x).slope, difference, 2e-9) << x;
  }
}

TEST_P(ActivationTest, ForwardInPlaceGivesTheSame) {
  Floats in_place = random_values(1, 20011);
  const Floats expected_values = forward(in_place);
  activate(GetParam(), in_place.data(), size_of(in_place), in_place.data());
  EXPECT_EQ(in_place, expected_values);
}

TEST_P(ActivationTest, FarFromZeroItIsConstantOrTheIdentity) {
  constexpr float kMax = std::numeric_limits<float>::max();
  const Floats x = {-kMax, -1e20F, -100.0F, 0.0F, 100.0F, 1e20F, kMax};
  const bool bounded = GetParam() == Activation::kTanh;
  if (bounded) {
    EXPECT_THAT(forward(x), ElementsAre(-1.0F, -1.0F, -1.0F, 0.0F, 1.0F, 1.0F, 1.0F));
  } else {
    EXPECT_THAT(forward(x), ElementsAre(0.0F, 0.0F, 0.0F, 0.0F, 100.0F, 1e20F, kMax));
  }
  const Floats gradient = backward(x, kInfinity, Floats(x.size(), 2.0F));
  EXPECT_THAT(Floats(gradient.begin(), gradient.begin() + 3), Each(0.0F));
  EXPECT_FLOAT_EQ(gradient[3], static_cast<float>(2.0 * expected(GetParam(), 0.0).slope));
  EXPECT_THAT(Floats(gradient.begin() + 4, gradient.end()), Each(bounded ? 0.0F : 2.0F));
}

TEST_P(ActivationTest, TheGradientEndsWhereTheActivatedMagnitudeReachesTheClip) {
  for (const float clip : {0.1F, 0.7F, 2.5F}) {
    for (std::int64_t size = 1; size <= 67; ++size) {
      const Floats x = random_values(static_cast<std::uint64_t>(size), size, -5.0, 5.0);
      const Floats activated = forward(x);
      const Floats grad_output(x.size(), 2.0F);
      Floats unclipped = backward(x, kInfinity, grad_output);
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (std::fabs(activated[i]) >= clip) unclipped[i] = 0.0F;
      }
      EXPECT_EQ(backward(x, clip, grad_output), unclipped) << clip << ", size " << size;
    }
  }
}

TEST_P(ActivationTest, AMagnitudeAtTheClipItselfHasNoGradient) {
  for (const float x : {0.5F, 2.5F}) {
    const float magnitude = std::fabs(forward({x})[0]);
    EXPECT_EQ(backward({x}, magnitude, {2.0F})[0], 0.0F);
    EXPECT_NE(backward({x}, std::nextafter(magnitude, kInfinity), {2.0F})[0], 0.0F);
  }
}

/// Both halves, and the gradient that comes back to their gated product.
struct GatedProblem {
  explicit GatedProblem(std::int64_t size)
      : input(random_values(1, size, -6.0, 6.0)),
        gate(random_values(2, size)),
        grad_output(random_values(3, size)) {}

  GatedInput x() const { return {.input = input.data(), .gate = gate.data()}; }

  Floats input;
  Floats gate;
  Floats grad_output;
};

TEST_P(ActivationTest, GatedIsTheActivationTimesTheGate) {
  for (const std::int64_t size : {1, 15, 16, 67, 40013}) {
    const GatedProblem problem(size);
    Floats expected_values = forward(problem.input);
    for (std::size_t i = 0; i < expected_values.size(); ++i) expected_values[i] *= problem.gate[i];
    Floats out(problem.input.size());
    activate_gated(GetParam(), problem.x(), size, out.data());
    EXPECT_EQ(out, expected_values);
    Floats in_place = problem.gate;
    activate_gated(GetParam(), {.input = problem.input.data(), .gate = in_place.data()}, size,
                   in_place.data());
    EXPECT_EQ(in_place, expected_values);
  }
}

TEST_P(ActivationTest, GatedBackwardIsTheProductRuleBelowTheClip) {
  for (const float clip : {1.0F, kInfinity}) {
    for (const std::int64_t size : {1, 15, 16, 67, 40013}) {
      const GatedProblem problem(size);
      const Floats value = forward(problem.input);
      const Floats slope = slopes(problem.input);
      Floats of_input(value.size());
      Floats of_gate(value.size());
      for (std::size_t i = 0; i < value.size(); ++i) {
        const bool clipped = std::fabs(value[i] * problem.gate[i]) >= clip;
        const float gradient = clipped ? 0.0F : problem.grad_output[i];
        of_input[i] = gradient * problem.gate[i] * slope[i];
        of_gate[i] = gradient * value[i];
      }
      Floats input(value.size());
      Floats gate = problem.grad_output;  // in place
      activate_gated_backward(GetParam(), problem.x(), size, clip, gate.data(),
                              {.input = input.data(), .gate = gate.data()});
      EXPECT_EQ(input, of_input) << clip << ", size " << size;
      EXPECT_EQ(gate, of_gate) << clip << ", size " << size;
    }
  }
}

struct Quantized {
  std::vector<std::int8_t> codes;
  Floats scales;
  bool clips = false;

  bool operator==(const Quantized&) const = default;
};

template <typename Quantize>
Quantized quantized(Groups groups, const Quantize& quantize) {
  Quantized result{std::vector<std::int8_t>(static_cast<std::size_t>(groups.count * groups.size)),
                   Floats(static_cast<std::size_t>(groups.count))};
  result.clips = quantize(result.codes.data(), result.scales.data());
  return result;
}

TEST_P(ActivationTest, QuantizedFormsGiveTheCodesOfTheActivatedValues) {
  std::vector<Groups> all = {{1, 1000}, {3, 1000}, {50, 1000}, {1, 3 * 16384 + 5}, {3, 16385}};
  for (std::int64_t size = 1; size <= 67; ++size) all.push_back({.count = 5, .size = size});
  for (const Groups groups : all) {
    SCOPED_TRACE(base::concat(groups.count, " of ", groups.size));
    const GatedProblem problem(groups.count * groups.size);
    const auto codes_of = [&](const Floats& values) {
      return quantized(groups, [&](std::int8_t* codes, float* scales) {
        return quantize_symmetric(values.data(), groups, codes, scales);
      });
    };
    const auto activated = [&] {
      return quantized(groups, [&](std::int8_t* codes, float* scales) {
        return activate_quantize_symmetric(GetParam(), problem.input.data(), groups, codes, scales);
      });
    };
    const auto activated_and_gated = [&] {
      return quantized(groups, [&](std::int8_t* codes, float* scales) {
        return activate_gated_quantize_symmetric(GetParam(), problem.x(), groups, codes, scales);
      });
    };
    EXPECT_EQ(activated(), codes_of(forward(problem.input)));
    Floats gated(problem.input.size());
    activate_gated(GetParam(), problem.x(), size_of(gated), gated.data());
    EXPECT_EQ(activated_and_gated(), codes_of(gated));
    expect_the_same_for_every_thread_count(activated);
    expect_the_same_for_every_thread_count(activated_and_gated);
  }
}

TEST(ActivateQuantizeSymmetricTest, TheClipIsThatOfTheActivatedValue) {
  const auto clips = [](const Floats& values) {
    return quantized({1, size_of(values)},
                     [&](std::int8_t* codes, float* scales) {
                       return activate_quantize_symmetric(Activation::kGelu, values.data(),
                                                          {1, size_of(values)}, codes, scales);
                     })
        .clips;
  };
  // gelu(2.5) = 2.484, gelu(-9) = -1e-18, gelu(2.6) = 2.588.
  EXPECT_FALSE(clips({2.5F, -9.0F, 0.0F}));
  EXPECT_TRUE(clips({2.5F, -9.0F, 2.6F}));
}

TEST_P(ActivationTest, DoesNotDependOnTheThreadCount) {
  const GatedProblem problem(100003);
  expect_the_same_for_every_thread_count([&] { return forward(problem.input); });
  expect_the_same_for_every_thread_count([&] { return backward(problem.input, 2.5F, problem.grad_output); });
  expect_the_same_for_every_thread_count([&] {
    Floats out(problem.input.size());
    activate_gated(GetParam(), problem.x(), size_of(out), out.data());
    return out;
  });
  expect_the_same_for_every_thread_count([&] {
    std::vector<Floats> gradients(2, Floats(problem.input.size()));
    activate_gated_backward(GetParam(), problem.x(), 100003, 2.5F, problem.grad_output.data(),
                            {.input = gradients[0].data(), .gate = gradients[1].data()});
    return gradients;
  });
}

}  // namespace
}  // namespace kdqat::kernels
