#include "kdqat/model/encoder_block.h"

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "kdqat/kernels/add.h"
#include "kdqat/kernels/dropout.h"
#include "kdqat/model/norm_step.h"
#include "kdqat/quant/products.h"
#include "kdqat/quant/saved_state.h"

namespace kdqat::model {
namespace {

using encoder::NormOrder;
using encoder::Role;
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

/// A product of a block as its backward pass needs it.
struct SavedProduct {
  quant::InputStep step;
  quant::ForwardProduct product;

  SavedProduct() = default;
  SavedProduct(const ProductInput& input, const ProductWeight& weight, kernels::ElementType type)
      : step(input.saved_step()),
        product{
            .x = input.factor(), .weight = weight.factor(), .latent = weight.clipped_latent(), .type = type} {
  }

  template <typename Visit>
  void for_each_tensor(const Visit& visit) {
    step.for_each_tensor(visit);
    product.for_each_tensor(visit);
  }
};

struct SavedBlock {
  bool pre_norm = false;
  bool gated = false;
  DropoutMask sa_output_dropout, output_dropout;  ///< where no norm has them
  SavedProduct attention_output, intermediate, gate, output;
  SavedNorm attention_norm, output_norm;

  template <typename Visit>
  void for_each_tensor(const Visit& visit) {
    visit(sa_output_dropout.keep);
    visit(output_dropout.keep);
    for (SavedProduct* product : {&attention_output, &intermediate, &gate, &output}) {
      product->for_each_tensor(visit);
    }
    for (SavedNorm* norm : {&attention_norm, &output_norm}) norm->for_each_tensor(visit);
  }
};

/// What lies between the products of the feed-forward network, and the last one's result, for some rows.
struct FeedForward {
  FeedForward(std::int64_t rows, const ProductWeight& to_intermediate, const ProductWeight& to_output,
              const LinearOptions& options, bool gated)
      : intermediate(like_rows(rows, to_intermediate)),
        gate(gated ? like_rows(rows, to_intermediate) : torch::Tensor()),
        output(like_rows(rows, to_output)),
        activated(intermediate, options, gate) {}

  torch::Tensor intermediate, gate, output;
  ProductInput activated;
};

/// A forward pass: parameters ready for products, and room for the results.
class BlockForward {
 public:
  BlockForward(const BlockInputs& inputs, const EncoderLayer& layer, bool differentiable)
      : inputs_(inputs),
        tokens_(inputs.hidden.size(0)),
        width_(inputs.hidden.size(1)),
        pre_norm_(inputs.spec.norm_order == NormOrder::kPre),
        after_activation_(inputs.linear),
        to_sa_output_(layer.attention_output, inputs.linear, differentiable),
        to_intermediate_(layer.intermediate, inputs.linear, differentiable),
        to_output_(layer.output, inputs.linear, differentiable),
        sa_output_(like_rows(tokens_, to_sa_output_)),
        of_context_(inputs.context, inputs.linear) {
    after_activation_.activation = inputs.spec.hidden_act;
    const double epsilon = inputs.spec.layer_norm_eps;
    if (inputs.spec.gated) to_gate_.emplace(layer.gate, inputs.linear, differentiable);
    if (pre_norm_) {
      attention_output_ = torch::empty_like(inputs.hidden);
      hidden_ = torch::empty_like(inputs.hidden);
      output_norm_.emplace(NormInputs{.parameters = layer.output_norm, .epsilon = epsilon}, tokens_, width_);
    } else {
      attention_norm_.emplace(NormInputs{.residual = inputs.hidden,
                                         .dropout = inputs.sa_output_dropout,
                                         .parameters = layer.attention_norm,
                                         .epsilon = epsilon},
                              tokens_, width_);
      attention_output_ = attention_norm_->out();
      output_norm_.emplace(NormInputs{.residual = attention_output_,
                                      .dropout = inputs.output_dropout,
                                      .parameters = layer.output_norm,
                                      .epsilon = epsilon},
                           tokens_, width_);
      hidden_ = output_norm_->out();
    }
    of_x_.emplace(pre_norm_ ? output_norm_->out() : attention_output_, inputs.linear);
    if (differentiable) kept_ = new_feed_forward(tokens_);
  }

  void run() {
    const bool row_by_row = of_context_.row_by_row() && to_sa_output_.row_by_row();
    quant::for_row_groups(tokens_, row_by_row, [&](const RowRange& rows) {
      // What only backward asks for is kept for it, else it is each group's own and stays in a cache.
      if (kept_) {
        run_rows(rows, *kept_, rows);
      } else {
        const std::unique_ptr<FeedForward> own = new_feed_forward(rows.count);
        run_rows(rows, *own, {.first = 0, .count = rows.count});
      }
    });
  }

  encoder::LayerResult<torch::Tensor> result() const {
    return {.sa_output = sa_output_, .attention_output = attention_output_, .hidden = hidden_};
  }

  SavedBlock saved() const {
    const kernels::ElementType type = quant::product_type(inputs_.linear.precision);
    SavedBlock saved{.pre_norm = pre_norm_,
                     .gated = to_gate_.has_value(),
                     .sa_output_dropout = inputs_.sa_output_dropout,
                     .output_dropout = inputs_.output_dropout,
                     .attention_output = {of_context_, to_sa_output_, type},
                     .intermediate = {*of_x_, to_intermediate_, type},
                     .gate = {},
                     .output = {kept_->activated, to_output_, type},
                     .attention_norm = {},
                     .output_norm = output_norm_->saved(pre_norm_ ? attention_output_ : kept_->output)};
    if (to_gate_) saved.gate = {*of_x_, *to_gate_, type};
    if (attention_norm_) saved.attention_norm = attention_norm_->saved(sa_output_);
    return saved;
  }

 private:
  enum class Slot {
    kContext,
    kHidden,
    kSaOutput,
    kAttentionOutput,
    kNormed,
    kIntermediate,
    kGate,
    kOutput,
    kResult
  };

  /// The steps of encoder/layer.h for a group of rows. Where what lies within the feed-forward network is the
  /// group's own, its rows are counted from there.
  struct Ops {
    BlockForward& block;
    RowRange rows;
    FeedForward& feed_forward;
    RowRange own_rows;

    template <std::size_t N>
    std::array<Slot, N> linears(const std::array<Role, N>& roles, Slot x) {
      std::array<Slot, N> outputs{};
      ProductInput& input = x == Slot::kContext ? block.of_context_ : *block.of_x_;
      input.take(rows);
      for (std::size_t i = 0; i < N; ++i) {
        switch (roles[i]) {
          case Role::kIntermediate:
            block.to_intermediate_.multiply(input, rows, rows_of(feed_forward.intermediate, own_rows));
            outputs[i] = Slot::kIntermediate;
            break;
          case Role::kGate:
            block.to_gate_->multiply(input, rows, rows_of(feed_forward.gate, own_rows));
            outputs[i] = Slot::kGate;
            break;
          default:
            block.to_sa_output_.multiply(input, rows, rows_of(block.sa_output_, rows));
            outputs[i] = Slot::kSaOutput;
        }
      }
      return outputs;
    }

    Slot activated_linear(Role /*role*/, kernels::Activation /*activation*/, Slot /*x*/) {
      feed_forward.activated.take(own_rows);
      block.to_output_.multiply(feed_forward.activated, own_rows, rows_of(feed_forward.output, own_rows));
      return Slot::kOutput;
    }

    Slot gated_linear(Role role, kernels::Activation activation, Slot x, Slot /*gate*/) {
      return activated_linear(role, activation, x);
    }

    Slot norm(Role /*role*/, Slot /*x*/) {
      block.output_norm_->run(rows, rows_of(block.attention_output_, rows));
      return Slot::kNormed;
    }

    Slot add(Role role, Slot /*x*/, Slot /*residual*/) {
      const bool attention = role == Role::kAttentionOutput;
      const DropoutMask& mask = attention ? block.inputs_.sa_output_dropout : block.inputs_.output_dropout;
      kernels::add_dropout(
          kernel_dropout(mask, rows.first * block.width_),
          attention ? rows_of(block.sa_output_, rows) : rows_of(feed_forward.output, own_rows),
          rows_of(attention ? block.inputs_.hidden : block.attention_output_, rows),
          rows.count * block.width_, rows_of(attention ? block.attention_output_ : block.hidden_, rows));
      return attention ? Slot::kAttentionOutput : Slot::kResult;
    }

    Slot add_norm(Role role, Slot /*x*/, Slot /*residual*/) {
      if (role == Role::kAttentionNorm) {
        block.attention_norm_->run(rows, rows_of(block.sa_output_, rows));
        return Slot::kAttentionOutput;
      }
      block.output_norm_->run(rows, rows_of(feed_forward.output, own_rows));
      return Slot::kResult;
    }
  };

  std::unique_ptr<FeedForward> new_feed_forward(std::int64_t rows) const {
    return std::make_unique<FeedForward>(rows, to_intermediate_, to_output_, after_activation_,
                                         to_gate_.has_value());
  }

  void run_rows(const RowRange& rows, FeedForward& feed_forward, const RowRange& own_rows) {
    Ops ops{.block = *this, .rows = rows, .feed_forward = feed_forward, .own_rows = own_rows};
    encoder::finish_layer(ops, inputs_.spec, Slot::kHidden, Slot::kContext);
  }

  const BlockInputs& inputs_;
  std::int64_t tokens_;
  std::int64_t width_;
  bool pre_norm_;
  LinearOptions after_activation_;
  ProductWeight to_sa_output_, to_intermediate_, to_output_;
  std::optional<ProductWeight> to_gate_;
  torch::Tensor sa_output_, attention_output_, hidden_;
  std::optional<NormStep> attention_norm_, output_norm_;
  ProductInput of_context_;
  std::optional<ProductInput> of_x_;
  std::unique_ptr<FeedForward> kept_;
};

/// Backward of one product and of what lies between x and its left factor.
struct ProductStep {
  explicit ProductStep(const SavedProduct& saved_product)
      : saved(saved_product),
        cols(saved_product.product.x.elements.size(1)),
        product(saved_product.product) {}

  void take(const RowRange& rows, const float* grad_output, float* x, float* gate = nullptr) {
    product.take(rows, grad_output, x, /*accumulate=*/false);
    quant::pass_input_step(saved.step, saved.product.x.clips, rows, cols, x, gate);
  }

  const SavedProduct& saved;
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

/// A backward pass, from what arrives at sa_output, attention_output and hidden.
class BlockBackward {
 public:
  BlockBackward(const SavedBlock& saved, const variable_list& grad_outputs)
      : saved_(saved),
        of_sa_output_(grad_outputs[0]),
        of_attention_output_(grad_outputs[1]),
        of_context_(saved.attention_output),
        of_intermediate_(saved.intermediate),
        of_output_(saved.output),
        of_output_norm_(saved.output_norm) {
    const auto& context = saved.attention_output.product.x.elements;
    to_context_ = torch::empty(context.sizes(), torch::kFloat32);
    to_hidden_ = torch::empty(context.sizes(), torch::kFloat32);
    of_hidden_ = grad_outputs[2].defined() ? grad_outputs[2].contiguous() : torch::zeros_like(to_hidden_);
    if (saved.gated) of_gate_.emplace(saved.gate);
    if (!saved.pre_norm) of_attention_norm_.emplace(saved.attention_norm);
  }

  void run() {
    quant::for_backward_row_groups(
        of_hidden_.size(0), quant::backward_is_row_by_row(saved_.output.product.type),
        [&](const RowRange& rows) { saved_.pre_norm ? run_pre_norm(rows) : run_post_norm(rows); });
  }

  /// In the order of FusedBlock's inputs.
  variable_list gradients() {
    variable_list result = {to_context_, to_hidden_};
    const auto append = [&](const auto& of_module) {
      const auto& [weight, bias] = of_module;
      result.insert(result.end(), {weight, bias});
    };
    append(of_context_.product.finish());
    append(of_attention_norm_ ? of_attention_norm_->finish() : std::pair<torch::Tensor, torch::Tensor>());
    append(of_intermediate_.product.finish());
    append(of_gate_ ? of_gate_->product.finish() : quant::ParameterGradients());
    append(of_output_.product.finish());
    append(of_output_norm_.finish());
    return result;
  }

 private:
  /// From the gradient at the feed-forward network's result to that at its input: [rows, D], to `x`.
  void feed_forward(const RowRange& rows, const float* grad_output, float* x) {
    const std::int64_t count = rows.count * of_output_.cols;
    float* intermediate = quant::scratch<float, 4>(count);
    float* gate = saved_.gated ? quant::scratch<float, 5>(count) : nullptr;
    of_output_.take(rows, grad_output, intermediate, gate);
    of_intermediate_.product.take(rows, intermediate, x, /*accumulate=*/false);
    if (of_gate_) of_gate_->product.take(rows, gate, x, /*accumulate=*/true);
    quant::pass_input_step(saved_.intermediate.step, saved_.intermediate.product.x.clips, rows,
                           of_intermediate_.cols, x);
  }

  void run_post_norm(const RowRange& rows) {
    const std::int64_t count = rows.count * to_hidden_.size(1);
    float* x = quant::scratch<float, 2>(count);
    float* residual = quant::scratch<float, 3>(count);
    of_output_norm_.take(rows, rows_of(of_hidden_, rows), x, residual);
    feed_forward(rows, x, x);
    kernels::add(residual, count, x);
    of_attention_output_.add_to(x, rows);
    of_attention_norm_->take(rows, x, residual, rows_of(to_hidden_, rows));
    of_sa_output_.add_to(residual, rows);
    of_context_.take(rows, residual, rows_of(to_context_, rows));
  }

  void run_pre_norm(const RowRange& rows) {
    const std::int64_t cols = to_hidden_.size(1);
    const std::int64_t count = rows.count * cols;
    const auto behind_dropout = [&](const DropoutMask& mask, const float* grad_output, float* x) {
      kernels::add_dropout_backward(kernel_dropout(mask, rows.first * cols), grad_output, count, x);
    };
    float* x = quant::scratch<float, 2>(count);
    float* residual = rows_of(to_hidden_, rows);
    behind_dropout(saved_.output_dropout, rows_of(of_hidden_, rows), x);
    feed_forward(rows, x, x);
    of_output_norm_.take(rows, x, residual, nullptr);
    kernels::add(rows_of(of_hidden_, rows), count, residual);
    of_attention_output_.add_to(residual, rows);
    behind_dropout(saved_.sa_output_dropout, residual, x);
    of_sa_output_.add_to(x, rows);
    of_context_.take(rows, x, rows_of(to_context_, rows));
  }

  const SavedBlock& saved_;
  OptionalRows of_sa_output_, of_attention_output_;
  torch::Tensor of_hidden_;
  ProductStep of_context_, of_intermediate_, of_output_;
  std::optional<ProductStep> of_gate_;
  std::optional<NormBackward> of_attention_norm_;
  NormBackward of_output_norm_;
  torch::Tensor to_context_, to_hidden_;
};

class FusedBlock : public torch::autograd::Function<FusedBlock> {
 public:
  /// parameters: weight and bias of attention_output, attention_norm, intermediate, gate, output,
  /// output_norm.
  static variable_list forward(AutogradContext* context, const torch::Tensor& /*attended*/,
                               const torch::Tensor& /*hidden*/, at::TensorList /*parameters*/,
                               const BlockInputs& inputs, const EncoderLayer& layer, bool differentiable) {
    BlockForward block(inputs, layer, differentiable);
    block.run();
    context->set_materialize_grads(false);
    if (differentiable) quant::save_state(context, block.saved());
    const auto [sa_output, attention_output, hidden] = block.result();
    return {sa_output, attention_output, hidden};
  }

  /// grad_outputs: at sa_output, attention_output, hidden.
  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    const auto saved = quant::load_state<SavedBlock>(context);
    BlockBackward block(saved, grad_outputs);
    block.run();
    variable_list result = block.gradients();
    result.resize(result.size() + 3);
    return result;
  }
};

}  // namespace

encoder::LayerResult<torch::Tensor> encoder_block(const BlockInputs& given, const EncoderLayer& layer) {
  BlockInputs inputs = given;
  inputs.context = given.context.contiguous();
  inputs.hidden = given.hidden.contiguous();
  std::vector<torch::Tensor> parameters;
  const auto append = [&](const auto& module) {
    parameters.push_back(quant::defined_or_empty(module.weight));
    parameters.push_back(quant::defined_or_empty(module.bias));
  };
  append(layer.attention_output);
  append(layer.attention_norm);
  append(layer.intermediate);
  append(layer.gate);
  append(layer.output);
  append(layer.output_norm);
  bool differentiable = inputs.context.requires_grad() || inputs.hidden.requires_grad();
  for (const torch::Tensor& tensor : parameters) {
    differentiable = differentiable || tensor.requires_grad();
  }
  const variable_list signals =
      FusedBlock::apply(inputs.context, inputs.hidden, at::TensorList(parameters), inputs, layer,
                        differentiable && torch::GradMode::is_enabled());
  return {.sa_output = signals[0], .attention_output = signals[1], .hidden = signals[2]};
}

}  // namespace kdqat::model
