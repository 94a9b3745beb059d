#include "kdqat/quant/linear.h"

#include "kdqat/base/error.h"
#include "kdqat/quant/activation.h"
#include "kdqat/quant/products.h"
#include "kdqat/quant/saved_state.h"

namespace kdqat::quant {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class FusedLinear : public torch::autograd::Function<FusedLinear> {
 public:
  /// parameters: weight and bias of each layer in turn.
  static variable_list forward(AutogradContext* context, const torch::Tensor& x, at::TensorList parameters,
                               const LinearOptions& options, bool differentiable) {
    ProductInput input(x, options);
    std::vector<ProductWeight> weights;
    variable_list outputs;
    bool row_by_row = input.row_by_row();
    for (std::size_t i = 0; i < parameters.size(); i += 2) {
      weights.emplace_back(LinearParameters{.weight = parameters[i], .bias = parameters[i + 1]}, options,
                           differentiable);
      outputs.push_back(torch::empty({x.size(0), weights.back().outputs()}, torch::kFloat32));
      row_by_row = row_by_row && weights.back().row_by_row();
    }
    for_row_groups(x.size(0), row_by_row, [&](const RowRange& rows) {
      input.take(rows);
      for (std::size_t i = 0; i < weights.size(); ++i) {
        weights[i].multiply(input, rows, rows_of(outputs[i], rows));
      }
    });
    if (!differentiable) return outputs;
    Saved saved{.step = input.saved_step(), .products = {}};
    for (const ProductWeight& weight : weights) {
      saved.products.push_back({.x = input.factor(),
                                .weight = weight.factor(),
                                .latent = weight.clipped_latent(),
                                .type = product_type(options.precision)});
    }
    save_state(context, std::move(saved));
    return outputs;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    const auto saved = load_state<Saved>(context);
    const Factor& input = saved.products[0].x;
    const std::int64_t rows = input.elements.size(0);
    const std::int64_t cols = input.elements.size(1);
    std::vector<torch::Tensor> of_outputs;
    std::vector<ProductBackward> products;
    for (std::size_t i = 0; i < grad_outputs.size(); ++i) {
      of_outputs.push_back(grad_outputs[i].contiguous());
      products.emplace_back(saved.products[i]);
    }
    const torch::Tensor x_gradient = torch::empty(input.elements.sizes(), torch::kFloat32);
    for_backward_row_groups(rows, backward_is_row_by_row(saved.products[0].type), [&](const RowRange& group) {
      float* x = rows_of(x_gradient, group);
      for (std::size_t i = 0; i < products.size(); ++i) {
        products[i].take(group, rows_of(of_outputs[i], group), x, /*accumulate=*/i > 0);
      }
      pass_input_step(saved.step, input.clips, group, cols, x);
    });
    variable_list result = {x_gradient};
    for (ProductBackward& product : products) {
      const ParameterGradients of_layer = product.finish();
      result.insert(result.end(), {of_layer.weight, of_layer.bias});
    }
    result.resize(result.size() + 2);
    return result;
  }

 private:
  struct Saved {
    InputStep step;
    std::vector<ForwardProduct> products;  ///< of one x

    template <typename Visit>
    void for_each_tensor(const Visit& visit) {
      step.for_each_tensor(visit);
      for (ForwardProduct& product : products) product.for_each_tensor(visit);
    }
  };
};

torch::Tensor plain_linear(const torch::Tensor& x, const LinearParameters& layer,
                           const LinearQuantization& quantization) {
  const torch::Tensor weight =
      quantization.weight ? fake_quantize(layer.weight, *quantization.weight, quantization.weight_granularity)
                          : layer.weight;
  return torch::matmul(x, weight.t()) + layer.bias;
}

/// Whether a weight is what prepare_for_products makes of [out, in].
bool is_prepared(const torch::Tensor& weight, std::int64_t out, std::int64_t in) {
  return weight.dim() == 4 && weight.size(0) * weight.size(2) >= out && weight.size(1) * 2 >= in &&
         weight.scalar_type() == torch::kBFloat16;
}

void check_tensors(const torch::Tensor& x, const LinearParameters& layer, const LinearOptions& options) {
  const bool prepared = options.form == Form::kFused && options.precision == Precision::kBf16 &&
                        x.dim() == 2 && layer.bias.dim() == 1 && !options.quantization.weight &&
                        is_prepared(layer.weight, layer.bias.size(0), x.size(1));
  if (x.dim() != 2 || layer.bias.dim() != 1 ||
      (!prepared && layer.weight.sizes() != torch::IntArrayRef{layer.bias.size(0), x.size(1)})) {
    throw base::InvalidArgument(
        base::concat("linear: expected x [T, in], weight [out, in], bias [out], found ", x.sizes(), ", ",
                     layer.weight.sizes(), ", ", layer.bias.sizes()));
  }
  if (options.form != Form::kFused) return;
  for (const torch::Tensor& tensor : {x, layer.weight, layer.bias}) {
    const bool allowed =
        tensor.scalar_type() == torch::kFloat32 || (prepared && tensor.is_same(layer.weight));
    if (!allowed || !tensor.device().is_cpu()) {
      throw base::InvalidArgument(base::concat("linear: the fused form takes float32 on a CPU, found ",
                                               tensor.scalar_type(), " on ", tensor.device()));
    }
  }
}

}  // namespace

std::vector<torch::Tensor> linear(const torch::Tensor& x, std::span<const LinearParameters> layers,
                                  const LinearOptions& options) {
  for (const LinearParameters& layer : layers) check_tensors(x, layer, options);
  if (options.form == Form::kFused) {
    bool differentiable = x.requires_grad();
    std::vector<torch::Tensor> parameters;
    for (const LinearParameters& layer : layers) {
      parameters.insert(parameters.end(), {layer.weight, layer.bias});
      differentiable = differentiable || layer.weight.requires_grad() || layer.bias.requires_grad();
    }
    return FusedLinear::apply(x.contiguous(), at::TensorList(parameters), options,
                              differentiable && torch::GradMode::is_enabled());
  }
  const LinearQuantization& quantization = options.quantization;
  torch::Tensor input = options.activation ? activate(x, *options.activation) : x;
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
