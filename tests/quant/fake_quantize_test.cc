#include "kdqat/quant/fake_quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/format/safetensors.h"
#include "tests/support/tensors.h"

namespace kdqat::quant {
namespace {

using ::testing::ThrowsMessage;
using tests::all_within;
using tests::random_tensor;
using tests::same;

struct NamedQuantizer {
  const char* name;
  Quantizer quantizer;
};

constexpr NamedQuantizer kWithCodes[] = {{"ternary", Quantizer::kTernary},
                                         {"twn_uniform4", Quantizer::kTwnUniform4},
                                         {"twn_uniform8", Quantizer::kTwnUniform8},
                                         {"symmetric8", Quantizer::kSymmetric8}};
constexpr NamedQuantizer kAll[] = {
    kWithCodes[0], kWithCodes[1], kWithCodes[2], kWithCodes[3], {"asymmetric8", Quantizer::kAsymmetric8}};
constexpr Granularity kGranularities[] = {Granularity::kPerTensor, Granularity::kPerRow};

const char* name_of(Granularity granularity) {
  return granularity == Granularity::kPerTensor ? "per_tensor" : "per_row";
}

/// A tensor of quantizers.safetensors, which the paper's reference implementation has computed.
torch::Tensor reference(const std::string& name) {
  static const format::SafetensorsFile file(std::string(KDQAT_TEST_FIXTURES) +
                                            "/tiny-bert/quantizers.safetensors");
  const format::TensorView& view = file.tensor(name);
  torch::Tensor out = torch::empty(view.shape, torch::kFloat32);
  format::copy_as_float(view, {out.data_ptr<float>(), static_cast<std::size_t>(out.numel())});
  return out;
}

/// What the formula of twn-uniform with 8 bits gives, in double; the reference has no figures for it.
torch::Tensor twn_uniform8_by_formula(const torch::Tensor& input, Granularity granularity) {
  const torch::Tensor values = input.to(torch::kFloat64).clamp(-2.5, 2.5);
  const torch::Tensor groups = granularity == Granularity::kPerTensor ? values.reshape({1, -1}) : values;
  const torch::Tensor magnitudes = groups.abs();
  const torch::Tensor mean = magnitudes.mean(1, /*keepdim=*/true);
  const torch::Tensor above = magnitudes.gt(mean).to(torch::kFloat64);
  const torch::Tensor range = (magnitudes * above).sum(1, /*keepdim=*/true) / above.sum(1, /*keepdim=*/true);
  const torch::Tensor step = 2.0 * range / 255.0;
  const torch::Tensor codes = (torch::max(torch::min(groups, range), -range) / step).round().clamp(-127, 127);
  return (codes * step).reshape(values.sizes());
}

TEST(FakeQuantizeTest, ValuesAreTheReferences) {
  const torch::Tensor input = reference("input");
  for (const NamedQuantizer& named : kAll) {
    for (const Granularity granularity : kGranularities) {
      const std::string name = base::concat(named.name, ".", name_of(granularity));
      const torch::Tensor expected = named.quantizer == Quantizer::kTwnUniform8
                                         ? twn_uniform8_by_formula(input, granularity)
                                         : reference(name);
      EXPECT_TRUE(all_within(fake_quantize(input, named.quantizer, granularity), expected, 1e-6)) << name;
    }
  }
}

TEST(FakeQuantizeTest, StraightThroughGradientsAreTheReferences) {
  for (const NamedQuantizer& named : kAll) {
    for (const Granularity granularity : kGranularities) {
      const std::string name = base::concat(named.name, ".", name_of(granularity), ".grad_input");
      torch::Tensor input = reference("input").requires_grad_();
      fake_quantize(input, named.quantizer, granularity).backward(reference("grad_output"));
      // All quantizers have one gradient; twn-uniform with 8 bits borrows that of 4.
      const torch::Tensor expected =
          named.quantizer == Quantizer::kTwnUniform8
              ? reference(base::concat("twn_uniform4.", name_of(granularity), ".grad_input"))
              : reference(name);
      EXPECT_TRUE(all_within(input.grad(), expected, 1e-6)) << name;
    }
  }
}

TEST(FakeQuantizeTest, GradientsEndAtTheClip) {
  const float below = std::nextafter(2.5F, 0.0F);
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    for (const NamedQuantizer& named : kAll) {
      torch::Tensor x = torch::tensor({{-3.0F, -2.5F, -below, -0.1F, 0.0F, 0.2F, below, 2.5F, 1e9F}})
                            .to(dtype)
                            .requires_grad_();
      fake_quantize(x, named.quantizer, Granularity::kPerTensor).backward(torch::full({1, 9}, 3.0, dtype));
      EXPECT_TRUE(same(x.grad(), torch::tensor({{0, 0, 3, 3, 3, 3, 3, 0, 0}}).to(dtype))) << named.name;
    }
  }
}

TEST(FakeQuantizeTest, TheGradientIsDifferentiableAgainAndStraightThroughAgain) {
  for (const NamedQuantizer& named : kAll) {
    torch::Tensor x = torch::tensor({{-3.0, -1.0, 0.3, 2.0, 2.6}}, torch::kFloat64).requires_grad_();
    const torch::Tensor mask = torch::tensor({{0.0, 1.0, 1.0, 1.0, 0.0}}, torch::kFloat64);
    const torch::Tensor q = fake_quantize(x, named.quantizer, Granularity::kPerTensor);
    const torch::Tensor first =
        torch::autograd::grad({q.pow(3).sum()}, {x}, {}, true, /*create_graph=*/true)[0];
    EXPECT_TRUE(all_within(first, 3.0 * q.pow(2) * mask, 1e-12)) << named.name;
    const torch::Tensor second = torch::autograd::grad({first.sum()}, {x})[0];
    EXPECT_TRUE(all_within(second, 6.0 * q * mask, 1e-12)) << named.name;
  }
}

TEST(FakeQuantizeTest, ValuesAreWhatTheCodesStandFor) {
  const torch::Tensor input = random_tensor(1, {7, 33}, -3.0, 3.0);
  for (const NamedQuantizer& named : kWithCodes) {
    for (const Granularity granularity : kGranularities) {
      const QuantizedTensor quantized = quantize(input, named.quantizer, granularity);
      EXPECT_EQ(quantized.codes.scalar_type(), torch::kInt8);
      EXPECT_EQ(quantized.codes.sizes(), input.sizes());
      EXPECT_EQ(quantized.scales.sizes(), (torch::IntArrayRef{granularity == Granularity::kPerRow ? 7 : 1}));
      const torch::Tensor scales =
          granularity == Granularity::kPerRow ? quantized.scales.unsqueeze(1) : quantized.scales;
      const torch::Tensor values = quantized.codes.to(torch::kFloat32) * scales;
      EXPECT_TRUE(same(dequantize(quantized), values)) << named.name;
      EXPECT_TRUE(same(fake_quantize(input, named.quantizer, granularity), values)) << named.name;
    }
  }
}

TEST(FakeQuantizeTest, TheDtypeIsTheInputsAndTheValuesThoseOfFloat32) {
  const torch::Tensor input = random_tensor(2, {5, 9}, -3.0, 3.0);
  for (const NamedQuantizer& named : kAll) {
    const torch::Tensor expected =
        fake_quantize(input, named.quantizer, Granularity::kPerRow).to(torch::kFloat64);
    EXPECT_TRUE(
        same(fake_quantize(input.to(torch::kFloat64), named.quantizer, Granularity::kPerRow), expected));
  }
}

TEST(FakeQuantizeTest, ATransposedInputIsReadInItsOwnOrder) {
  const torch::Tensor transposed = random_tensor(3, {6, 11}).t();
  for (const NamedQuantizer& named : kAll) {
    EXPECT_TRUE(same(fake_quantize(transposed, named.quantizer, Granularity::kPerRow),
                     fake_quantize(transposed.contiguous(), named.quantizer, Granularity::kPerRow)))
        << named.name;
  }
}

TEST(FakeQuantizeTest, AnEmptyInputGivesAnEmptyResult) {
  for (const NamedQuantizer& named : kAll) {
    for (const Granularity granularity : kGranularities) {
      for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{0, 5}, {3, 0}}) {
        EXPECT_EQ(fake_quantize(torch::empty(shape), named.quantizer, granularity).sizes(),
                  torch::IntArrayRef(shape))
            << named.name;
      }
    }
  }
}

TEST(PassThroughMaskTest, IsOneBelowTheClip) {
  EXPECT_TRUE(same(pass_through_mask(torch::tensor({-2.5F, -2.4F, 0.0F, 2.4F, 2.5F})),
                   torch::tensor({0.0F, 1.0F, 1.0F, 1.0F, 0.0F})));
  EXPECT_EQ(pass_through_mask(torch::zeros({1}, torch::kFloat64)).scalar_type(), torch::kFloat64);
}

TEST(FakeQuantizeTest, RefusesWhatIsNoFloatingPointMatrix) {
  const auto of_vector = [] {
    fake_quantize(torch::zeros({3}), Quantizer::kTernary, Granularity::kPerTensor);
  };
  EXPECT_THAT(of_vector, ThrowsMessage<base::InvalidArgument>(
                             "quantizer: expected floating-point [rows, cols], found Float [3]"));
  const auto of_integers = [] {
    quantize(torch::zeros({2, 3}, torch::kInt64), Quantizer::kSymmetric8, Granularity::kPerRow);
  };
  EXPECT_THAT(of_integers, ThrowsMessage<base::InvalidArgument>(
                               "quantizer: expected floating-point [rows, cols], found Long [2, 3]"));
}

TEST(FakeQuantizeTest, AsymmetricMinMaxHasNoCodes) {
  EXPECT_THAT(
      [] {
        quantize(torch::zeros({2, 3}), Quantizer::kAsymmetric8, Granularity::kPerRow);
      },
      ThrowsMessage<base::InvalidArgument>(
          "quantizer: asymmetric min-max has no codes that are multiples of a scale"));
}

}  // namespace
}  // namespace kdqat::quant
