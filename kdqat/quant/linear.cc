#include "kdqat/quant/linear.h"

#include <torch/nn/functional/activation.h>

#include <limits>

#include "kdqat/base/error.h"
#include "kdqat/kernels/gelu.h"
#include "kdqat/kernels/gradient_factors.h"
#include "kdqat/kernels/matmul.h"
#include "kdqat/kernels/panel_product.h"
#include "kdqat/kernels/quantize.h"

namespace kdqat::quant {
namespace {

using kernels::ElementType;
using kernels::MatrixView;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A factor of a product as the forward pass met it.
struct Factor {
  torch::Tensor elements;  ///< [rows, cols]: int8 codes, or values in float32 or bfloat16
  torch::Tensor scales;    ///< of the codes, float32 [1] or [rows]; undefined where there are none
  bool clips = false;      ///< whether a value that was quantized reaches the clip

  bool quantized() const { return scales.defined(); }
};

int bits_of(Quantizer quantizer) {
  switch (quantizer) {
    case Quantizer::kTernary:
      return 2;
    case Quantizer::kTwnUniform4:
      return 4;
    default:
      return 8;
  }
}

ElementType product_type(Precision precision) {
  return precision == Precision::kBf16 && kernels::has_bf16_products() ? ElementType::kBF16
                                                                       : ElementType::kF32;
}

torch::ScalarType dtype_of(ElementType type) {
  return type == ElementType::kBF16 ? torch::kBFloat16 : torch::kFloat32;
}

/// float32, bfloat16 or int8 values as elements of a product in kF32 or kBF16.
torch::Tensor as_elements(const torch::Tensor& values, ElementType type) {
  if (type == ElementType::kF32 || values.scalar_type() == torch::kBFloat16) return values.to(dtype_of(type));
  torch::Tensor out = torch::empty(values.sizes(), torch::kBFloat16);
  auto* words = reinterpret_cast<std::uint16_t*>(out.data_ptr<at::BFloat16>());
  if (values.scalar_type() == torch::kInt8) {
    kernels::convert_codes_to_bf16(values.data_ptr<std::int8_t>(), values.numel(), words);
  } else {
    kernels::convert_to_bf16(values.data_ptr<float>(), values.numel(), words);
  }
  return out;
}

/// What the codes stand for, or the values, as elements.
torch::Tensor value_elements(const Factor& factor, ElementType type) {
  return as_elements(
      factor.quantized() ? dequantize({.codes = factor.elements, .scales = factor.scales}) : factor.elements,
      type);
}

Factor factor_of(const QuantizedTensor& quantized) {
  return {.elements = quantized.codes, .scales = quantized.scales, .clips = quantized.clips};
}

Factor weight_factor(const torch::Tensor& weight, const LinearOptions& options) {
  const LinearQuantization& quantization = options.quantization;
  if (quantization.weight) {
    return factor_of(quantize(weight, *quantization.weight, quantization.weight_granularity));
  }
  return {.elements = as_elements(weight, product_type(options.precision)), .scales = {}};
}

Factor input_factor(const torch::Tensor& x, const LinearOptions& options) {
  const LinearQuantization& quantization = options.quantization;
  if (options.gelu_input && quantization.quantize_input) {
    return factor_of(quantize_gelu(x, quantization.input_granularity));
  }
  torch::Tensor values = x;
  if (options.gelu_input) {
    values = torch::empty_like(x);
    kernels::gelu_forward(x.data_ptr<float>(), x.numel(), values.data_ptr<float>());
  }
  if (quantization.quantize_input) {
    return factor_of(quantize(values, Quantizer::kSymmetric8, quantization.input_granularity));
  }
  return {.elements = as_elements(values, product_type(options.precision)), .scales = {}};
}

MatrixView view_of(const torch::Tensor& elements, bool transposed = false) {
  const std::int64_t rows = elements.size(0);
  const std::int64_t cols = elements.size(1);
  const ElementType type = elements.scalar_type() == torch::kInt8       ? ElementType::kS8
                           : elements.scalar_type() == torch::kBFloat16 ? ElementType::kBF16
                                                                        : ElementType::kF32;
  return {.data = elements.data_ptr(),
          .type = type,
          .rows = transposed ? cols : rows,
          .cols = transposed ? rows : cols,
          .transposed = transposed};
}

torch::Tensor integer_product(const Factor& x, const Factor& weight, const torch::Tensor& bias,
                              Quantizer quantizer) {
  const kernels::PanelShape shape{
      .rows = weight.elements.size(0), .cols = weight.elements.size(1), .bits = bits_of(quantizer)};
  const torch::Tensor panels = torch::empty({shape.bytes()}, torch::kUInt8);
  kernels::pack_panels(weight.elements.data_ptr<std::int8_t>(), shape, panels.data_ptr<std::uint8_t>());
  torch::Tensor out = torch::empty({x.elements.size(0), shape.rows}, torch::kFloat32);
  kernels::multiply_panels({.codes = x.elements.data_ptr<std::int8_t>(),
                            .rows = out.size(0),
                            .row_scales = x.scales.data_ptr<float>(),
                            .row_scales_count = x.scales.numel(),
                            .panels = panels.data_ptr<std::uint8_t>(),
                            .weights = shape,
                            .col_scales = weight.scales.data_ptr<float>(),
                            .col_scales_count = weight.scales.numel(),
                            .bias = bias.data_ptr<float>()},
                           out.data_ptr<float>());
  return out;
}

torch::Tensor fused_product(const Factor& x, const Factor& weight, const torch::Tensor& bias,
                            const LinearOptions& options) {
  if (x.quantized() && weight.quantized()) {
    return integer_product(x, weight, bias, *options.quantization.weight);
  }
  const ElementType type = product_type(options.precision);
  const torch::Tensor left = value_elements(x, type);
  const torch::Tensor right = value_elements(weight, type);
  torch::Tensor out = torch::empty({left.size(0), right.size(0)}, torch::kFloat32);
  kernels::matmul(view_of(left), view_of(right, /*transposed=*/true), out.data_ptr<float>(),
                  {.bias = bias.data_ptr<float>()});
  return out;
}

/// The gradient of y, scaled and rounded for the two products of backward, and summed for the bias.
struct BackwardFactors {
  torch::Tensor for_input;
  torch::Tensor for_weight;
  torch::Tensor bias;
};

BackwardFactors backward_factors(const torch::Tensor& gradient, const Factor& x, const Factor& weight,
                                 ElementType type) {
  BackwardFactors result{.for_input = torch::empty(gradient.sizes(), dtype_of(type)),
                         .for_weight = {},
                         .bias = torch::empty({gradient.size(1)}, torch::kFloat32)};
  result.for_weight =
      x.quantized() || weight.quantized() ? torch::empty_like(result.for_input) : result.for_input;
  kernels::ArrivingGradient arriving{
      .values = gradient.data_ptr<float>(), .rows = gradient.size(0), .cols = gradient.size(1)};
  if (weight.quantized()) {
    arriving.weight_scales = weight.scales.data_ptr<float>();
    arriving.weight_scales_count = weight.scales.numel();
  }
  if (x.quantized()) {
    arriving.input_scales = x.scales.data_ptr<float>();
    arriving.input_scales_count = x.scales.numel();
  }
  kernels::make_gradient_factors(arriving, {.for_input = result.for_input.data_ptr(),
                                            .for_weight = result.for_weight.data_ptr(),
                                            .type = type,
                                            .bias = result.bias.data_ptr<float>()});
  return result;
}

class FusedLinear : public torch::autograd::Function<FusedLinear> {
 public:
  /// parameters: weight and bias of each layer in turn.
  static variable_list forward(AutogradContext* context, const torch::Tensor& x, at::TensorList parameters,
                               const LinearOptions& options) {
    const torch::Tensor values = x.contiguous();
    const Factor input = input_factor(values, options);
    variable_list saved = {options.gelu_input || input.clips ? values : torch::Tensor(), input.elements,
                           input.scales};
    variable_list outputs;
    for (std::size_t i = 0; i < parameters.size(); i += 2) {
      const torch::Tensor latent = parameters[i].contiguous();
      const Factor weight = weight_factor(latent, options);
      outputs.push_back(fused_product(input, weight, parameters[i + 1], options));
      saved.insert(saved.end(), {weight.clips ? latent : torch::Tensor(), weight.elements, weight.scales});
    }
    context->save_for_backward(saved);
    context->saved_data["bf16"] = options.precision == Precision::kBf16;
    context->saved_data["gelu"] = options.gelu_input;
    context->saved_data["clips"] = input.clips;
    return outputs;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const ElementType type =
        product_type(context->saved_data["bf16"].toBool() ? Precision::kBf16 : Precision::kFp32);
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor& x = saved[0];
    const Factor input{.elements = saved[1], .scales = saved[2]};
    const torch::Tensor input_elements = as_elements(input.elements, type);
    torch::Tensor x_gradient = torch::empty(input.elements.sizes(), torch::kFloat32);
    variable_list result(1);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const torch::Tensor& latent = saved[3 * i + 3];
      const Factor weight{.elements = saved[3 * i + 4], .scales = saved[3 * i + 5]};
      const BackwardFactors factors = backward_factors(gradients[i].contiguous(), input, weight, type);
      kernels::matmul(view_of(factors.for_input), view_of(as_elements(weight.elements, type)),
                      x_gradient.data_ptr<float>(), {.accumulate = i > 0});
      torch::Tensor of_weight = torch::empty(weight.elements.sizes(), torch::kFloat32);
      kernels::matmul(view_of(factors.for_weight, /*transposed=*/true), view_of(input_elements),
                      of_weight.data_ptr<float>());
      if (latent.defined()) {
        kernels::mask_clipped(latent.data_ptr<float>(), latent.numel(), of_weight.data_ptr<float>());
      }
      result.insert(result.end(), {of_weight, factors.bias});
    }
    if (context->saved_data["gelu"].toBool()) {
      const float clip =
          context->saved_data["clips"].toBool() ? kernels::kClip : std::numeric_limits<float>::infinity();
      kernels::gelu_backward(x.data_ptr<float>(), x.numel(), clip, x_gradient.data_ptr<float>());
    } else if (x.defined()) {
      kernels::mask_clipped(x.data_ptr<float>(), x.numel(), x_gradient.data_ptr<float>());
    }
    result[0] = x_gradient;
    result.emplace_back();
    return result;
  }
};

torch::Tensor plain_linear(const torch::Tensor& x, const LinearParameters& layer,
                           const LinearQuantization& quantization) {
  const torch::Tensor weight =
      quantization.weight ? fake_quantize(layer.weight, *quantization.weight, quantization.weight_granularity)
                          : layer.weight;
  return torch::matmul(x, weight.t()) + layer.bias;
}

void check_tensors(const torch::Tensor& x, const LinearParameters& layer, const LinearOptions& options) {
  if (x.dim() != 2 || layer.weight.dim() != 2 || layer.weight.size(1) != x.size(1) ||
      layer.bias.sizes() != torch::IntArrayRef{layer.weight.size(0)}) {
    throw base::InvalidArgument(
        base::concat("linear: expected x [T, in], weight [out, in], bias [out], found ", x.sizes(), ", ",
                     layer.weight.sizes(), ", ", layer.bias.sizes()));
  }
  if (options.form != Form::kFused) return;
  const bool rounded_weight = layer.weight.scalar_type() == torch::kBFloat16 &&
                              options.precision == Precision::kBf16 && !options.quantization.weight &&
                              !layer.weight.requires_grad();
  for (const torch::Tensor& tensor : {x, layer.weight, layer.bias}) {
    const bool allowed =
        tensor.scalar_type() == torch::kFloat32 || (rounded_weight && tensor.is_same(layer.weight));
    if (!allowed || !tensor.device().is_cpu()) {
      throw base::InvalidArgument(base::concat("linear: the fused form takes float32 on a CPU, found ",
                                               tensor.scalar_type(), " on ", tensor.device()));
    }
  }
}

}  // namespace

torch::Tensor round_for_products(const torch::Tensor& values, Precision precision) {
  return as_elements(values.detach().contiguous(), product_type(precision));
}

std::vector<torch::Tensor> linear(const torch::Tensor& x, std::span<const LinearParameters> layers,
                                  const LinearOptions& options) {
  for (const LinearParameters& layer : layers) check_tensors(x, layer, options);
  if (options.form == Form::kFused) {
    std::vector<torch::Tensor> parameters;
    for (const LinearParameters& layer : layers)
      parameters.insert(parameters.end(), {layer.weight, layer.bias});
    return FusedLinear::apply(x, at::TensorList(parameters), options);
  }
  const LinearQuantization& quantization = options.quantization;
  torch::Tensor input = options.gelu_input ? torch::gelu(x) : x;
  if (quantization.quantize_input) {
    input = fake_quantize(input, Quantizer::kSymmetric8, quantization.input_granularity);
  }
  std::vector<torch::Tensor> outputs;
  for (const LinearParameters& layer : layers) outputs.push_back(plain_linear(input, layer, quantization));
  return outputs;
}

torch::Tensor linear(const torch::Tensor& x, const LinearParameters& layer, const LinearOptions& options) {
  return linear(x, std::span(&layer, 1), options)[0];
}

}  // namespace kdqat::quant
