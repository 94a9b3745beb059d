#include "kdqat/quant/products.h"

#include <limits>
#include <utility>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/kernels/activation.h"
#include "kdqat/kernels/bf16_product.h"
#include "kdqat/kernels/gradient_factors.h"
#include "kdqat/kernels/panel_product.h"
#include "kdqat/kernels/quantize.h"
#include "kdqat/simd/bf16.h"

namespace kdqat::quant {
namespace {

using kernels::ElementType;
using kernels::MatrixView;

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

torch::ScalarType dtype_of(ElementType type) {
  return type == ElementType::kBF16 ? torch::kBFloat16 : torch::kFloat32;
}

std::uint16_t* words_of(const torch::Tensor& tensor) {
  return reinterpret_cast<std::uint16_t*>(tensor.data_ptr<at::BFloat16>());
}

/// float32 values as elements of a product in kF32 or kBF16.
torch::Tensor as_elements(const torch::Tensor& values, ElementType type) {
  if (type == ElementType::kF32) return values;
  torch::Tensor out = torch::empty(values.sizes(), torch::kBFloat16);
  simd::convert_to_bf16(values.data_ptr<float>(), values.numel(), words_of(out));
  return out;
}

/// What the codes stand for, or the values.
torch::Tensor values_of(const Factor& factor) {
  return factor.quantized() ? dequantize({.codes = factor.elements, .scales = factor.scales})
                            : factor.elements;
}

torch::Tensor integer_panels(const torch::Tensor& codes, int bits) {
  const kernels::PanelShape shape{.rows = codes.size(0), .cols = codes.size(1), .bits = bits};
  torch::Tensor panels = torch::empty({shape.bytes()}, torch::kUInt8);
  kernels::pack_panels(codes.data_ptr<std::int8_t>(), shape, panels.data_ptr<std::uint8_t>());
  return panels;
}

/// [panels, pairs, 16, 2]
torch::Tensor bf16_panels(const torch::Tensor& values) {
  const std::int64_t rows = values.size(0);
  const std::int64_t cols = values.size(1);
  const std::int64_t lines = kernels::bf16_panel_lines(cols);
  torch::Tensor panels =
      torch::empty({(rows + kernels::kPanelRows - 1) / kernels::kPanelRows, lines, kernels::kPanelRows, 2},
                   torch::kBFloat16);
  if (values.scalar_type() == torch::kBFloat16) {
    kernels::pack_bf16_panels(words_of(values), rows, cols, words_of(panels));
  } else {
    kernels::pack_bf16_panels(values.data_ptr<float>(), rows, cols, words_of(panels));
  }
  return panels;
}

MatrixView view_of(const torch::Tensor& elements, bool transposed = false) {
  const std::int64_t rows = elements.size(0);
  const std::int64_t cols = elements.size(1);
  return {.data = elements.data_ptr(),
          .type = ElementType::kF32,
          .rows = transposed ? cols : rows,
          .cols = transposed ? rows : cols,
          .transposed = transposed};
}

kernels::ArrivingGradient arriving_at(const ForwardProduct& product) {
  kernels::ArrivingGradient arriving{.rows = product.x.elements.size(0),
                                     .cols = product.weight.elements.size(0)};
  if (product.weight.quantized()) {
    arriving.weight_scales = product.weight.scales.data_ptr<float>();
    arriving.weight_scales_count = product.weight.scales.numel();
  }
  if (product.x.quantized()) {
    arriving.input_scales = product.x.scales.data_ptr<float>();
    arriving.input_scales_count = product.x.scales.numel();
  }
  return arriving;
}

/// Panels of the transpose of codes or of bfloat16.
torch::Tensor transposed_panels(const torch::Tensor& elements) {
  const std::int64_t rows = elements.size(0);
  const std::int64_t cols = elements.size(1);
  torch::Tensor panels = torch::empty({kernels::bf16_panel_bytes(cols, rows) / 2}, torch::kBFloat16);
  if (elements.scalar_type() == torch::kInt8) {
    kernels::pack_transposed_bf16_panels(elements.data_ptr<std::int8_t>(), rows, cols, words_of(panels));
  } else {
    kernels::pack_transposed_bf16_panels(words_of(elements), rows, cols, words_of(panels));
  }
  return panels;
}

}  // namespace

Precision default_precision() {
  return simd::bf16_products_are_faster() ? Precision::kBf16 : Precision::kFp32;
}

ElementType product_type(Precision precision) {
  return precision == Precision::kBf16 && kernels::has_bf16_products() ? ElementType::kBF16
                                                                       : ElementType::kF32;
}

torch::Tensor prepare_for_products(const torch::Tensor& weight, Precision precision) {
  const torch::Tensor values = weight.detach().contiguous();
  return product_type(precision) == ElementType::kBF16 ? bf16_panels(values) : values;
}

ProductInput::ProductInput(const torch::Tensor& x, const LinearOptions& options, const torch::Tensor& gate)
    : step_{.x = x, .gate = gate, .activation = options.activation} {
  const LinearQuantization& quantization = options.quantization;
  if (quantization.quantize_input) {
    const bool by_row = quantization.input_granularity == Granularity::kPerRow;
    codes_ = torch::empty(x.sizes(), torch::kInt8);
    scales_ = torch::empty({by_row ? x.size(0) : 1}, torch::kFloat32);
    return;
  }
  const ElementType type = product_type(options.precision);
  codes_ = type == ElementType::kF32 && !step_.activation ? x : torch::empty(x.sizes(), dtype_of(type));
}

InputStep ProductInput::saved_step() const { return step_.activation || clips_ ? step_ : InputStep(); }

void ProductInput::take(const RowRange& rows) {
  if (quantized()) {
    quantize(rows);
    return;
  }
  const std::int64_t offset = rows.first * step_.x.size(1);
  const std::int64_t count = rows.count * step_.x.size(1);
  if (codes_.scalar_type() == torch::kFloat32) {
    activated(rows, codes_.data_ptr<float>() + offset);
    return;
  }
  const float* x = activated(rows, step_.activation ? scratch<float, 0>(count) : nullptr);
  simd::convert_to_bf16(x, count, words_of(codes_) + offset);
}

/// These rows behind the step: written to `out`, or where they lie if there is no step.
const float* ProductInput::activated(const RowRange& rows, float* out) const {
  const std::int64_t count = rows.count * step_.x.size(1);
  const float* x = rows_of(step_.x, rows);
  if (!step_.activation) return x;
  if (step_.gate.defined()) {
    kernels::activate_gated(*step_.activation, {.input = x, .gate = rows_of(step_.gate, rows)}, count, out);
  } else {
    kernels::activate(*step_.activation, x, count, out);
  }
  return out;
}

void ProductInput::quantize(const RowRange& rows) {
  const std::int64_t cols = step_.x.size(1);
  const bool by_row = scales_.numel() == step_.x.size(0);
  const kernels::Groups groups = by_row ? kernels::Groups{.count = rows.count, .size = cols}
                                        : kernels::Groups{.count = 1, .size = rows.count * cols};
  const float* x = rows_of(step_.x, rows);
  std::int8_t* codes = codes_.data_ptr<std::int8_t>() + rows.first * cols;
  float* scales = scales_.data_ptr<float>() + (by_row ? rows.first : 0);
  bool clips = false;
  if (!step_.activation) {
    clips = kernels::quantize_symmetric(x, groups, codes, scales);
  } else if (step_.gate.defined()) {
    clips = kernels::activate_gated_quantize_symmetric(
        *step_.activation, {.input = x, .gate = rows_of(step_.gate, rows)}, groups, codes, scales);
  } else {
    clips = kernels::activate_quantize_symmetric(*step_.activation, x, groups, codes, scales);
  }
  if (clips) clips_ = true;
}

ProductWeight::ProductWeight(const LinearParameters& layer, const LinearOptions& options, bool differentiable)
    : bias_(layer.bias) {
  const LinearQuantization& quantization = options.quantization;
  const ElementType type = product_type(options.precision);
  kind_ = type == ElementType::kBF16 ? Kind::kBf16 : Kind::kFloat32;
  if (layer.weight.dim() == 4) {  // prepare_for_products made it
    operand_ = layer.weight;
    return;
  }
  latent_ = layer.weight.contiguous();
  if (quantization.weight) {
    const QuantizedTensor quantized =
        quantize(latent_, *quantization.weight, quantization.weight_granularity);
    factor_ = {.elements = quantized.codes, .scales = quantized.scales, .clips = quantized.clips};
    if (quantization.quantize_input) {
      kind_ = Kind::kInteger;
      bits_ = bits_of(*quantization.weight);
      operand_ = integer_panels(quantized.codes, bits_);
      return;
    }
  } else {
    factor_ = {.elements = differentiable ? as_elements(latent_, type) : latent_, .scales = {}};
  }
  const torch::Tensor values = values_of(factor_);
  operand_ = kind_ == Kind::kBf16 ? bf16_panels(values) : values;
}

void ProductWeight::multiply(const ProductInput& x, const RowRange& rows, float* out) const {
  const std::int64_t cols = x.codes_.size(1);
  if (kind_ == Kind::kInteger) {
    const bool by_row = x.scales_.numel() != 1;
    kernels::multiply_panels({.codes = x.codes_.data_ptr<std::int8_t>() + rows.first * cols,
                              .rows = rows.count,
                              .row_scales = x.scales_.data_ptr<float>() + (by_row ? rows.first : 0),
                              .row_scales_count = by_row ? rows.count : 1,
                              .panels = operand_.data_ptr<std::uint8_t>(),
                              .weights = {.rows = outputs(), .cols = cols, .bits = bits_},
                              .col_scales = factor_.scales.data_ptr<float>(),
                              .col_scales_count = factor_.scales.numel(),
                              .bias = bias_.data_ptr<float>(),
                              .fresh_out = true},
                             out);
    return;
  }
  const std::int64_t count = rows.count * cols;
  torch::Tensor left = x.codes_.slice(0, rows.first, rows.first + rows.count);
  if (x.quantized()) {
    const bool by_row = x.scales_.numel() != 1;
    left =
        dequantize({.codes = left,
                    .scales = by_row ? x.scales_.slice(0, rows.first, rows.first + rows.count) : x.scales_});
  }
  if (kind_ == Kind::kFloat32) {
    kernels::matmul(view_of(left), view_of(operand_, /*transposed=*/true), out,
                    {.bias = bias_.data_ptr<float>()});
    return;
  }
  const std::uint16_t* words = nullptr;
  if (left.scalar_type() == torch::kBFloat16) {
    words = words_of(left);
  } else {
    std::uint16_t* rounded = scratch<std::uint16_t, 1>(count);
    simd::convert_to_bf16(left.data_ptr<float>(), count, rounded);
    words = rounded;
  }
  kernels::multiply_bf16_panels({.x = words,
                                 .rows = rows.count,
                                 .cols = cols,
                                 .panels = words_of(operand_),
                                 .outputs = outputs(),
                                 .bias = bias_.data_ptr<float>()},
                                out);
}

ProductBackward::ProductBackward(const ForwardProduct& product)
    : product_(product),
      arriving_(arriving_at(product)),
      result_{.weight = torch::empty(product.weight.elements.sizes(), torch::kFloat32),
              .bias = torch::empty({product.weight.elements.size(0)}, torch::kFloat32)} {
  if (!backward_is_row_by_row(product.type)) return;
  weight_panels_ = transposed_panels(product.weight.elements);
  input_panels_ = transposed_panels(product.x.elements);
  bf16_ = std::make_unique<kernels::Bf16Backward>(
      kernels::Bf16BackwardFactors{.arriving = arriving_,
                                   .weight_panels = words_of(weight_panels_),
                                   .input_panels = words_of(input_panels_),
                                   .inputs = product.x.elements.size(1)});
}

void ProductBackward::take(const RowRange& rows, const float* arriving, float* x, bool accumulate) {
  if (bf16_ == nullptr) {
    multiply_f32(arriving, x, accumulate);
  } else {
    bf16_->accumulate(rows.first, rows.count, arriving, x, accumulate);
  }
}

void ProductBackward::multiply_f32(const float* arriving, float* x, bool accumulate) {
  const torch::Tensor for_input = torch::empty({arriving_.rows, arriving_.cols}, torch::kFloat32);
  const torch::Tensor for_weight =
      product_.x.quantized() || product_.weight.quantized() ? torch::empty_like(for_input) : for_input;
  kernels::make_gradient_factors(arriving_, arriving,
                                 {.for_input = for_input.data_ptr<float>(),
                                  .for_weight = for_weight.data_ptr<float>(),
                                  .bias = result_.bias.data_ptr<float>()});
  kernels::matmul(view_of(for_input), view_of(product_.weight.elements.to(torch::kFloat32)), x,
                  {.accumulate = accumulate});
  kernels::matmul(view_of(for_weight, /*transposed=*/true), view_of(product_.x.elements.to(torch::kFloat32)),
                  result_.weight.data_ptr<float>());
}

ParameterGradients ProductBackward::finish() {
  auto* weight = result_.weight.data_ptr<float>();
  if (bf16_ != nullptr) bf16_->finalize(weight, result_.bias.data_ptr<float>());
  if (product_.latent.defined()) {
    kernels::mask_clipped(product_.latent.data_ptr<float>(), product_.latent.numel(), weight);
  }
  return result_;
}

void pass_input_step(const InputStep& step, bool clips, const RowRange& rows, std::int64_t cols,
                     float* gradient, float* gate) {
  if (!step.activation && !clips) return;
  const float* x = rows_of(step.x, rows);
  const std::int64_t count = rows.count * cols;
  const float clip = clips ? kernels::kClip : std::numeric_limits<float>::infinity();
  if (!step.activation) {
    kernels::mask_clipped(x, count, gradient);
  } else if (step.gate.defined()) {
    kernels::activate_gated_backward(*step.activation, {.input = x, .gate = rows_of(step.gate, rows)}, count,
                                     clip, gradient, {.input = gradient, .gate = gate});
  } else {
    kernels::activate_backward(*step.activation, x, count, clip, gradient);
  }
}

}  // namespace kdqat::quant
