#include "kdqat/quant/fake_quantize.h"

#include "kdqat/base/error.h"
#include "kdqat/kernels/quantize.h"

namespace kdqat::quant {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check_matrix(const torch::Tensor& values) {
  if (values.dim() != 2 || !values.is_floating_point()) {
    throw base::InvalidArgument(base::concat("quantizer: expected floating-point [rows, cols], found ",
                                             values.scalar_type(), " ", values.sizes()));
  }
}

kernels::Groups groups_of(const torch::Tensor& values, Granularity granularity) {
  if (granularity == Granularity::kPerTensor) return {.count = 1, .size = values.numel()};
  return {.count = values.size(0), .size = values.size(1)};
}

torch::Tensor as_float_matrix(const torch::Tensor& values) {
  return values.detach().to(torch::kCPU, torch::kFloat32).contiguous();
}

/// Codes that are not written yet, and scales of 0.
QuantizedTensor room_for(const torch::Tensor& values, const kernels::Groups& groups) {
  return {.codes = torch::empty(values.sizes(), torch::kInt8),
          .scales = torch::zeros({groups.count}, torch::kFloat32)};
}

torch::Tensor quantized_values(const torch::Tensor& values, Quantizer quantizer, Granularity granularity) {
  if (quantizer != Quantizer::kAsymmetric8) {
    return dequantize(quantize(values, quantizer, granularity)).to(values.options());
  }
  const torch::Tensor source = as_float_matrix(values);
  torch::Tensor out = torch::empty_like(source);
  if (out.numel() == 0) return out.to(values.options());
  kernels::fake_quantize_asymmetric(source.data_ptr<float>(), groups_of(source, granularity),
                                    out.data_ptr<float>());
  return out.to(values.options());
}

class FakeQuantize : public torch::autograd::Function<FakeQuantize> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& values, Quantizer quantizer,
                               Granularity granularity) {
    context->save_for_backward({values});
    return quantized_values(values, quantizer, granularity);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const torch::Tensor values = context->get_saved_variables()[0];
    return {gradients[0] * pass_through_mask(values), {}, {}};
  }
};

}  // namespace

QuantizedTensor quantize(const torch::Tensor& values, Quantizer quantizer, Granularity granularity) {
  check_matrix(values);
  const torch::Tensor source = as_float_matrix(values);
  const kernels::Groups groups = groups_of(source, granularity);
  QuantizedTensor result = room_for(source, groups);
  if (source.numel() == 0) return result;
  const float* data = source.data_ptr<float>();
  auto* codes = result.codes.data_ptr<std::int8_t>();
  auto* scales = result.scales.data_ptr<float>();
  switch (quantizer) {
    case Quantizer::kTernary:
      result.clips = kernels::quantize_ternary(data, groups, codes, scales);
      break;
    case Quantizer::kTwnUniform4:
      result.clips = kernels::quantize_twn_uniform(data, groups, 4, codes, scales);
      break;
    case Quantizer::kTwnUniform8:
      result.clips = kernels::quantize_twn_uniform(data, groups, 8, codes, scales);
      break;
    case Quantizer::kSymmetric8:
      result.clips = kernels::quantize_symmetric(data, groups, codes, scales);
      break;
    case Quantizer::kAsymmetric8:
      throw base::InvalidArgument("quantizer: asymmetric min-max has no codes that are multiples of a scale");
  }
  return result;
}

torch::Tensor dequantize(const QuantizedTensor& quantized) {
  torch::Tensor out = torch::empty(quantized.codes.sizes(), torch::kFloat32);
  const std::int64_t groups = quantized.scales.numel();
  if (out.numel() == 0) return out;
  kernels::dequantize(quantized.codes.data_ptr<std::int8_t>(), quantized.scales.data_ptr<float>(),
                      {.count = groups, .size = out.numel() / groups}, out.data_ptr<float>());
  return out;
}

torch::Tensor fake_quantize(const torch::Tensor& values, Quantizer quantizer, Granularity granularity) {
  check_matrix(values);
  return FakeQuantize::apply(values, quantizer, granularity);
}

torch::Tensor pass_through_mask(const torch::Tensor& values) {
  return (values.detach().abs() < static_cast<double>(kernels::kClip)).to(values.scalar_type());
}

}  // namespace kdqat::quant
