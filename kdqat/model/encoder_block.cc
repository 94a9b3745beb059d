#include "kdqat/model/encoder_block.h"

#include <optional>

#include "kdqat/kernels/add.h"
#include "kdqat/model/norm_step.h"
#include "kdqat/quant/products.h"

namespace kdqat::model {
namespace {

using quant::LinearOptions;
using quant::LinearParameters;
using quant::ProductInput;
using quant::ProductWeight;
using quant::RowRange;
using quant::rows_of;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::Tensor like_rows(std::int64_t rows, const ProductWeight& weight) {
  return torch::empty({rows, weight.outputs()}, torch::kFloat32);
}

LinearOptions after_gelu(LinearOptions options) {
  options.gelu_input = true;
  return options;
}

/// What lies between the two products of the feed-forward network, and the second one's result, for some
/// rows.
struct FeedForward {
  FeedForward(std::int64_t rows, const ProductWeight& to_intermediate, const ProductWeight& to_output,
              const LinearOptions& options)
      : intermediate(like_rows(rows, to_intermediate)),
        output(like_rows(rows, to_output)),
        input(intermediate, options) {}

  torch::Tensor intermediate, output;
  ProductInput input;
};

/// For backward: x where it is needed, its factor, the weight's.
variable_list saved_of_product(const torch::Tensor& x, bool gelu, const ProductInput& input,
                               const ProductWeight& weight) {
  const quant::Factor factor = input.factor();
  return {gelu || factor.clips ? x : torch::Tensor(),
          factor.elements,
          factor.scales,
          weight.clipped_latent(),
          weight.factor().elements,
          weight.factor().scales};
}
constexpr std::size_t kSavedOfProduct = 6;

/// Backward of a product and of what lies between x and its left factor.
struct ProductStep {
  ProductStep(const torch::Tensor* saved, bool gelu, bool clips, kernels::ElementType type)
      : step{.x = saved[0], .gelu = gelu, .clips = clips},
        cols(saved[1].size(1)),
        product({.x = {.elements = saved[1], .scales = saved[2]},
                 .weight = {.elements = saved[4], .scales = saved[5]},
                 .latent = saved[3],
                 .type = type}) {}

  void take(const RowRange& rows, const float* arriving, float* x) {
    product.take(rows, arriving, x, /*accumulate=*/false);
    quant::pass_input_step(step, rows, cols, x);
  }

  quant::InputStep step;
  std::int64_t cols;
  quant::ProductBackward product;
};

/// A gradient that may not arrive at all, as rows.
class OptionalRows {
 public:
  explicit OptionalRows(const torch::Tensor& gradient)
      : gradient_(gradient.defined() ? gradient.contiguous() : gradient) {}

  /// Adds these rows to `sum`.
  void add_to(float* sum, const RowRange& rows) const {
    if (!gradient_.defined()) return;
    kernels::add(rows_of(gradient_, rows), rows.count * gradient_.size(1), sum);
  }

 private:
  torch::Tensor gradient_;
};

class FusedBlock : public torch::autograd::Function<FusedBlock> {
 public:
  /// parameters: weight and bias of attention_output, attention_norm, intermediate, output, output_norm.
  static variable_list forward(AutogradContext* context, const torch::Tensor& attended,
                               const torch::Tensor& hidden, at::TensorList parameters,
                               const BlockInputs& inputs, bool differentiable) {
    const LinearOptions& options = inputs.linear;
    const auto weight = [&](std::size_t i, const LinearOptions& linear) {
      return ProductWeight(LinearParameters{.weight = parameters[i], .bias = parameters[i + 1]}, linear,
                           differentiable);
    };
    const ProductWeight to_sa_output = weight(0, options);
    const ProductWeight to_intermediate = weight(4, options);
    const ProductWeight to_output = weight(6, after_gelu(options));
    const torch::Tensor sa_output = like_rows(hidden.size(0), to_sa_output);
    const NormStep first_norm(hidden, inputs.sa_output_dropout, parameters[2], parameters[3], inputs.epsilon);
    const NormStep second_norm(first_norm.out(), inputs.output_dropout, parameters[8], parameters[9],
                               inputs.epsilon);
    ProductInput of_context(attended, options);
    ProductInput of_attention_output(first_norm.out(), options);
    // What only backward asks for is kept for it, else it is each group's own and stays in a cache.
    std::optional<FeedForward> kept;
    if (differentiable) kept.emplace(hidden.size(0), to_intermediate, to_output, after_gelu(options));
    // `there`: where these rows are in it.
    const auto through = [&](FeedForward& feed_forward, const RowRange& rows, const RowRange& there) {
      to_intermediate.multiply(of_attention_output, rows, rows_of(feed_forward.intermediate, there));
      feed_forward.input.take(there);
      to_output.multiply(feed_forward.input, there, rows_of(feed_forward.output, there));
      second_norm.run(rows, rows_of(feed_forward.output, there));
    };
    const bool row_by_row = of_context.row_by_row() && to_sa_output.row_by_row();
    quant::for_row_groups(hidden.size(0), row_by_row, [&](const RowRange& rows) {
      float* sa_output_rows = rows_of(sa_output, rows);
      of_context.take(rows);
      to_sa_output.multiply(of_context, rows, sa_output_rows);
      first_norm.run(rows, sa_output_rows);
      of_attention_output.take(rows);
      if (kept) {
        through(*kept, rows, rows);
      } else {
        FeedForward own(rows.count, to_intermediate, to_output, after_gelu(options));
        through(own, rows, {.first = 0, .count = rows.count});
      }
    });
    if (differentiable) {
      variable_list saved;
      const auto append = [&](const variable_list& tensors) {
        saved.insert(saved.end(), tensors.begin(), tensors.end());
      };
      append(saved_of_product(attended, false, of_context, to_sa_output));
      append(first_norm.saved(sa_output));
      append(saved_of_product(first_norm.out(), false, of_attention_output, to_intermediate));
      append(saved_of_product(kept->intermediate, true, kept->input, to_output));
      append(second_norm.saved(kept->output));
      context->save_for_backward(saved);
      context->saved_data["bf16"] = options.precision == quant::Precision::kBf16;
      context->saved_data["clips"] = kept->input.factor().clips;
      context->saved_data["first_factor"] = inputs.sa_output_dropout.factor;
      context->saved_data["second_factor"] = inputs.output_dropout.factor;
      context->set_materialize_grads(false);
    }
    return {sa_output, first_norm.out(), second_norm.out()};
  }

  /// gradients: at sa_output, attention_output, hidden; the last always arrives.
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const kernels::ElementType type = quant::product_type(
        context->saved_data["bf16"].toBool() ? quant::Precision::kBf16 : quant::Precision::kFp32);
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor* of_context = saved.data();
    const torch::Tensor* first_norm = of_context + kSavedOfProduct;
    const torch::Tensor* of_attention_output = first_norm + NormStep::kSaved;
    const torch::Tensor* of_intermediate = of_attention_output + kSavedOfProduct;
    const torch::Tensor* second_norm = of_intermediate + kSavedOfProduct;

    const torch::Tensor at_hidden =
        gradients[2].defined() ? gradients[2].contiguous() : torch::zeros_like(second_norm[0]);
    NormBackward second(second_norm, context->saved_data["second_factor"].toDouble());
    ProductStep output(of_intermediate, true, context->saved_data["clips"].toBool(), type);
    ProductStep intermediate(of_attention_output, false, of_attention_output[0].defined(), type);
    NormBackward first(first_norm, context->saved_data["first_factor"].toDouble());
    ProductStep attended(of_context, false, of_context[0].defined(), type);
    const OptionalRows at_attention_output(gradients[1]);
    const OptionalRows at_sa_output(gradients[0]);
    const torch::Tensor to_context = torch::empty(of_context[1].sizes(), torch::kFloat32);
    const torch::Tensor to_hidden = torch::empty_like(at_hidden);
    const std::int64_t cols = at_hidden.size(1);
    quant::for_backward_row_groups(at_hidden.size(0), quant::backward_is_row_by_row(type),
                                   [&](const RowRange& rows) {
                                     float* x = quant::scratch<float, 2>(rows.count * cols);
                                     float* residual = quant::scratch<float, 3>(rows.count * cols);
                                     float* wide = quant::scratch<float, 4>(rows.count * output.cols);
                                     second.take(rows, rows_of(at_hidden, rows), x, residual);
                                     output.take(rows, x, wide);
                                     intermediate.take(rows, wide, x);
                                     kernels::add(residual, rows.count * cols, x);
                                     at_attention_output.add_to(x, rows);
                                     first.take(rows, x, residual, rows_of(to_hidden, rows));
                                     at_sa_output.add_to(residual, rows);
                                     attended.take(rows, residual, rows_of(to_context, rows));
                                   });
    variable_list result = {to_context, to_hidden};
    const auto append = [&](const auto& of_layer) {
      const auto& [weight, bias] = of_layer;
      result.insert(result.end(), {weight, bias});
    };
    append(attended.product.finish());
    append(first.finish());
    append(intermediate.product.finish());
    append(output.product.finish());
    append(second.finish());
    result.resize(result.size() + 2);
    return result;
  }
};

BlockSignals plain_block(const BlockInputs& inputs, const BlockParameters& parameters) {
  const auto form = inputs.linear.form;
  BlockSignals signals;
  signals.sa_output = quant::linear(inputs.context, parameters.attention_output, inputs.linear);
  signals.attention_output = layer_norm(signals.sa_output, inputs.sa_output_dropout, inputs.hidden,
                                        parameters.attention_norm, inputs.epsilon, form);
  const torch::Tensor intermediate =
      quant::linear(signals.attention_output, parameters.intermediate, inputs.linear);
  signals.hidden = layer_norm(quant::linear(intermediate, parameters.output, after_gelu(inputs.linear)),
                              inputs.output_dropout, signals.attention_output, parameters.output_norm,
                              inputs.epsilon, form);
  return signals;
}

}  // namespace

BlockSignals encoder_block(const BlockInputs& inputs, const BlockParameters& parameters) {
  if (inputs.linear.form == quant::Form::kPlain) return plain_block(inputs, parameters);
  const std::vector<torch::Tensor> tensors = {
      parameters.attention_output.weight, parameters.attention_output.bias, parameters.attention_norm.weight,
      parameters.attention_norm.bias,     parameters.intermediate.weight,   parameters.intermediate.bias,
      parameters.output.weight,           parameters.output.bias,           parameters.output_norm.weight,
      parameters.output_norm.bias};
  bool differentiable = inputs.context.requires_grad() || inputs.hidden.requires_grad();
  for (const torch::Tensor& tensor : tensors) differentiable = differentiable || tensor.requires_grad();
  const variable_list signals =
      FusedBlock::apply(inputs.context.contiguous(), inputs.hidden.contiguous(), at::TensorList(tensors),
                        inputs, differentiable && torch::GradMode::is_enabled());
  return {.sa_output = signals[0], .attention_output = signals[1], .hidden = signals[2]};
}

}  // namespace kdqat::model
