#include "kdqat/model/layer_ops.h"

#include "kdqat/model/rotary.h"
#include "kdqat/quant/activation.h"

namespace kdqat::model {

using encoder::Role;

namespace {

struct LinearOf {
  const quant::LinearParameters* operator()(const quant::LinearParameters& linear) const { return &linear; }
  const quant::LinearParameters* operator()(const LayerNorm& /*norm*/) const { return nullptr; }
};

struct NormOf {
  const LayerNorm* operator()(const LayerNorm& norm) const { return &norm; }
  const LayerNorm* operator()(const quant::LinearParameters& /*linear*/) const { return nullptr; }
};

}  // namespace

const quant::LinearParameters& LayerOps::linear_of(Role role) const {
  return *encoder::visit_layer_module(inputs_.layer, role, LinearOf());
}

const LayerNorm& LayerOps::norm_of(Role role) const {
  return *encoder::visit_layer_module(inputs_.layer, role, NormOf());
}

const DropoutMask& LayerOps::mask_of(Role role) const {
  return role == Role::kAttentionOutput || role == Role::kAttentionNorm ? masks_.sa_output : masks_.output;
}

torch::Tensor LayerOps::activated_linear(Role role, kernels::Activation activation,
                                         const torch::Tensor& x) const {
  if (masks_.intermediate.keep.defined()) {
    return quant::linear(drop(quant::activate(x, activation), masks_.intermediate), linear_of(role),
                         inputs_.linear);
  }
  quant::LinearOptions options = inputs_.linear;
  options.activation = activation;
  return quant::linear(x, linear_of(role), options);
}

torch::Tensor LayerOps::gated_linear(Role role, kernels::Activation activation, const torch::Tensor& x,
                                     const torch::Tensor& gate) const {
  return quant::linear(drop(quant::activate(x, activation) * gate, masks_.intermediate), linear_of(role),
                       inputs_.linear);
}

torch::Tensor LayerOps::norm(Role role, const torch::Tensor& x) const {
  return layer_norm(x, {}, {}, norm_of(role), inputs_.spec.layer_norm_eps, inputs_.linear.form);
}

torch::Tensor LayerOps::add(Role role, const torch::Tensor& x, const torch::Tensor& residual) const {
  return drop(x, mask_of(role)) + residual;
}

torch::Tensor LayerOps::add_norm(Role role, const torch::Tensor& x, const torch::Tensor& residual) const {
  return layer_norm(x, mask_of(role), residual, norm_of(role), inputs_.spec.layer_norm_eps,
                    inputs_.linear.form);
}

torch::Tensor LayerOps::rotate(const torch::Tensor& x, double theta) const {
  return rotary_embedding(x, {inputs_.cu_seqlens, inputs_.spec.num_attention_heads, theta},
                          inputs_.linear.form);
}

}  // namespace kdqat::model
