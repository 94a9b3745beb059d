#include "kdqat/quant/linear.h"

#include "kdqat/base/error.h"
#include "kdqat/kernels/epilogue.h"
#include "kdqat/kernels/matmul.h"
#include "kdqat/kernels/quantize.h"

namespace kdqat::quant {
namespace {

using kernels::ElementType;
using kernels::MatrixView;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A factor of a product as the forward pass met it: floats, or codes with their scales.
struct Factor {
  torch::Tensor values;  ///< float32 [rows, cols]; the latent values where there are codes
  torch::Tensor codes;   ///< int8 [rows, cols], or undefined
  torch::Tensor scales;  ///< float32 [1] or [rows], or undefined

  bool quantized() const { return codes.defined(); }
};

Factor make_factor(const torch::Tensor& values, std::optional<Quantizer> quantizer, Granularity granularity) {
  if (!quantizer) return {.values = values, .codes = {}, .scales = {}};
  const QuantizedTensor quantized = quantize(values, *quantizer, granularity);
  return {.values = values, .codes = quantized.codes, .scales = quantized.scales};
}

int magnitude_of(Quantizer quantizer) {
  switch (quantizer) {
    case Quantizer::kTernary:
      return 1;
    case Quantizer::kTwnUniform4:
      return 7;
    default:
      return 127;
  }
}

ElementType product_type(Precision precision) {
  return precision == Precision::kBf16 && kernels::has_bf16_products() ? ElementType::kBF16
                                                                       : ElementType::kF32;
}

/// float32 or int8 values as elements of a product.
torch::Tensor as_elements(const torch::Tensor& values, ElementType type) {
  if (type == ElementType::kF32) return values.to(torch::kFloat32);
  torch::Tensor out = torch::empty(values.sizes(), torch::kBFloat16);
  auto* words = reinterpret_cast<std::uint16_t*>(out.data_ptr<at::BFloat16>());
  if (values.scalar_type() == torch::kInt8) {
    kernels::convert_codes_to_bf16(values.data_ptr<std::int8_t>(), values.numel(), words);
  } else {
    kernels::convert_to_bf16(values.data_ptr<float>(), values.numel(), words);
  }
  return out;
}

MatrixView view_of(const torch::Tensor& elements, ElementType type, bool transposed = false) {
  const std::int64_t rows = elements.size(0);
  const std::int64_t cols = elements.size(1);
  return {.data = elements.data_ptr(),
          .type = type,
          .rows = transposed ? cols : rows,
          .cols = transposed ? rows : cols,
          .transposed = transposed};
}

kernels::Epilogue epilogue_of(const torch::Tensor& out, const torch::Tensor& bias) {
  return {.rows = out.size(0), .cols = out.size(1), .bias = bias.data_ptr<float>()};
}

torch::Tensor integer_product(const Factor& x, const Factor& weight, const torch::Tensor& bias,
                              Quantizer quantizer) {
  torch::Tensor out = torch::empty({x.codes.size(0), weight.codes.size(0)}, torch::kFloat32);
  auto* sums = reinterpret_cast<std::int32_t*>(out.data_ptr<float>());
  kernels::matmul(view_of(x.codes, ElementType::kS8),
                  view_of(weight.codes, ElementType::kS8, /*transposed=*/true), sums,
                  magnitude_of(quantizer));
  kernels::Epilogue epilogue = epilogue_of(out, bias);
  epilogue.row_scales = x.scales.data_ptr<float>();
  epilogue.row_scales_count = x.scales.numel();
  epilogue.col_scales = weight.scales.data_ptr<float>();
  epilogue.col_scales_count = weight.scales.numel();
  kernels::apply_epilogue(epilogue, sums);
  return out;
}

torch::Tensor float_values(const Factor& factor) {
  return factor.quantized() ? dequantize({.codes = factor.codes, .scales = factor.scales}) : factor.values;
}

torch::Tensor float_product(const Factor& x, const Factor& weight, const torch::Tensor& bias,
                            ElementType type) {
  const torch::Tensor left = as_elements(float_values(x), type);
  const torch::Tensor right = as_elements(float_values(weight), type);
  torch::Tensor out = torch::empty({left.size(0), right.size(0)}, torch::kFloat32);
  kernels::matmul(view_of(left, type), view_of(right, type, /*transposed=*/true), out.data_ptr<float>());
  kernels::add_bias(epilogue_of(out, bias), out.data_ptr<float>());
  return out;
}

torch::Tensor fused_product(const Factor& x, const Factor& weight, const torch::Tensor& bias,
                            const LinearOptions& options) {
  if (x.quantized() && weight.quantized()) {
    const Quantizer quantizer = *options.quantization.weight;
    if (magnitude_of(quantizer) < 64 || kernels::int8_products_are_exact()) {
      return integer_product(x, weight, bias, quantizer);
    }
  }
  return float_product(x, weight, bias, product_type(options.precision));
}

/// Whether the scales of a factor belong to the rows or to the columns of the gradient that meets it.
enum class ScaledSide { kRows, kColumns };

/// gradient [T, out] times the scales of the codes that it is about to meet, as elements of a product; so the
/// codes enter the product as they are: integers, exact in bfloat16 too.
torch::Tensor scaled_elements(const torch::Tensor& gradient, const torch::Tensor& scales, ScaledSide side,
                              ElementType type) {
  if (!scales.defined()) return as_elements(gradient, type);
  const bool rows = side == ScaledSide::kRows;
  if (type == ElementType::kF32) return gradient * (rows ? scales.unsqueeze(1) : scales);
  const torch::Tensor each = scales.expand({gradient.size(rows ? 0 : 1)}).contiguous();
  torch::Tensor out = torch::empty(gradient.sizes(), torch::kBFloat16);
  kernels::convert_to_bf16({.values = gradient.data_ptr<float>(),
                            .rows = gradient.size(0),
                            .cols = gradient.size(1),
                            .row_scales = rows ? each.data_ptr<float>() : nullptr,
                            .col_scales = rows ? nullptr : each.data_ptr<float>()},
                           reinterpret_cast<std::uint16_t*>(out.data_ptr<at::BFloat16>()));
  return out;
}

torch::Tensor input_gradient(const torch::Tensor& gradient, const Factor& weight, ElementType type) {
  const torch::Tensor left = scaled_elements(gradient, weight.scales, ScaledSide::kColumns, type);
  const torch::Tensor right = as_elements(weight.quantized() ? weight.codes : weight.values, type);
  torch::Tensor out = torch::empty({left.size(0), right.size(1)}, torch::kFloat32);
  kernels::matmul(view_of(left, type), view_of(right, type), out.data_ptr<float>());
  return out;
}

torch::Tensor weight_gradient(const torch::Tensor& gradient, const Factor& x, ElementType type) {
  const torch::Tensor left = scaled_elements(gradient, x.scales, ScaledSide::kRows, type);
  const torch::Tensor right = as_elements(x.quantized() ? x.codes : x.values, type);
  torch::Tensor out = torch::empty({left.size(1), right.size(1)}, torch::kFloat32);
  kernels::matmul(view_of(left, type, /*transposed=*/true), view_of(right, type), out.data_ptr<float>());
  return out;
}

void mask_where_clipped(const Factor& factor, torch::Tensor& gradient) {
  if (!factor.quantized()) return;
  kernels::mask_clipped(factor.values.data_ptr<float>(), gradient.numel(), gradient.data_ptr<float>());
}

class FusedLinear : public torch::autograd::Function<FusedLinear> {
 public:
  /// parameters: weight and bias of each layer in turn.
  static variable_list forward(AutogradContext* context, const torch::Tensor& x, at::TensorList parameters,
                               const LinearOptions& options) {
    const LinearQuantization& quantization = options.quantization;
    const Factor input = make_factor(
        x.contiguous(), quantization.quantize_input ? std::optional(Quantizer::kSymmetric8) : std::nullopt,
        quantization.input_granularity);
    variable_list saved = {input.values, input.codes, input.scales};
    variable_list outputs;
    for (std::size_t i = 0; i < parameters.size(); i += 2) {
      const Factor weight =
          make_factor(parameters[i].contiguous(), quantization.weight, quantization.weight_granularity);
      outputs.push_back(fused_product(input, weight, parameters[i + 1], options));
      saved.insert(saved.end(), {weight.values, weight.codes, weight.scales});
    }
    context->save_for_backward(saved);
    context->saved_data["bf16"] = options.precision == Precision::kBf16;
    return outputs;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const ElementType type =
        product_type(context->saved_data["bf16"].toBool() ? Precision::kBf16 : Precision::kFp32);
    const variable_list saved = context->get_saved_variables();
    const Factor input{.values = saved[0], .codes = saved[1], .scales = saved[2]};
    torch::Tensor x_gradient;
    variable_list result(1);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const Factor weight{.values = saved[3 * i + 3], .codes = saved[3 * i + 4], .scales = saved[3 * i + 5]};
      const torch::Tensor gradient = gradients[i].contiguous();
      const torch::Tensor from_layer = input_gradient(gradient, weight, type);
      x_gradient = x_gradient.defined() ? x_gradient.add_(from_layer) : from_layer;
      torch::Tensor of_weight = weight_gradient(gradient, input, type);
      mask_where_clipped(weight, of_weight);
      torch::Tensor of_bias = torch::empty({gradient.size(1)}, torch::kFloat32);
      kernels::sum_rows(gradient.data_ptr<float>(), gradient.size(0), gradient.size(1),
                        of_bias.data_ptr<float>());
      result.insert(result.end(), {of_weight, of_bias});
    }
    mask_where_clipped(input, x_gradient);
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

void check_shapes(const torch::Tensor& x, const LinearParameters& layer, Form form) {
  if (x.dim() != 2 || layer.weight.dim() != 2 || layer.weight.size(1) != x.size(1) ||
      layer.bias.sizes() != torch::IntArrayRef{layer.weight.size(0)}) {
    throw base::InvalidArgument(
        base::concat("linear: expected x [T, in], weight [out, in], bias [out], found ", x.sizes(), ", ",
                     layer.weight.sizes(), ", ", layer.bias.sizes()));
  }
  if (form != Form::kFused) return;
  for (const torch::Tensor& tensor : {x, layer.weight, layer.bias}) {
    if (tensor.scalar_type() != torch::kFloat32 || !tensor.device().is_cpu()) {
      throw base::InvalidArgument(base::concat("linear: the fused form takes float32 on a CPU, found ",
                                               tensor.scalar_type(), " on ", tensor.device()));
    }
  }
}

}  // namespace

std::vector<torch::Tensor> linear(const torch::Tensor& x, std::span<const LinearParameters> layers,
                                  const LinearOptions& options) {
  for (const LinearParameters& layer : layers) check_shapes(x, layer, options.form);
  if (options.form == Form::kFused) {
    std::vector<torch::Tensor> parameters;
    for (const LinearParameters& layer : layers)
      parameters.insert(parameters.end(), {layer.weight, layer.bias});
    return FusedLinear::apply(x, at::TensorList(parameters), options);
  }
  const LinearQuantization& quantization = options.quantization;
  const torch::Tensor input = quantization.quantize_input
                                  ? fake_quantize(x, Quantizer::kSymmetric8, quantization.input_granularity)
                                  : x;
  std::vector<torch::Tensor> outputs;
  for (const LinearParameters& layer : layers) outputs.push_back(plain_linear(input, layer, quantization));
  return outputs;
}

torch::Tensor linear(const torch::Tensor& x, const LinearParameters& layer, const LinearOptions& options) {
  return linear(x, std::span(&layer, 1), options)[0];
}

}  // namespace kdqat::quant
