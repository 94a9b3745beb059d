#include "kdqat/runtime/layer_ops.h"

#include "kdqat/kernels/add.h"
#include "kdqat/kernels/layer_norm.h"
#include "kdqat/kernels/quantize.h"

namespace kdqat::runtime {

using encoder::Role;

namespace {

struct LinearOf {
  const PackedLinear* operator()(const PackedLinear& linear) const { return &linear; }
  const PackedLinear* operator()(const NormWeights&) const { return nullptr; }
};

struct NormOf {
  const NormWeights* operator()(const NormWeights& norm) const { return &norm; }
  const NormWeights* operator()(const PackedLinear&) const { return nullptr; }
};

}  // namespace

void multiply(const PackedLinear& linear, const std::int8_t* codes, const float* code_scales,
              std::int64_t rows, kernels::InstructionSet set, float* out) {
  kernels::multiply_panels({.codes = codes,
                            .rows = rows,
                            .row_scales = code_scales,
                            .row_scales_count = rows,
                            .panels = linear.panels,
                            .weights = linear.shape,
                            .col_scales = linear.scales.data(),
                            .col_scales_count = static_cast<std::int64_t>(linear.scales.size()),
                            .bias = linear.bias},
                           out, set);
}

const PackedLinear& LayerOps::linear_of(Role role) const {
  return *encoder::visit_layer_module(model_.layer, role, LinearOf());
}

const NormWeights& LayerOps::norm_of(Role role) const {
  return *encoder::visit_layer_module(model_.layer, role, NormOf());
}

LayerOps::Value LayerOps::output_of(Role role) {
  switch (role) {
    case Role::kQuery:
      return &workspace_.query;
    case Role::kKey:
      return &workspace_.key;
    case Role::kValue:
      return &workspace_.value;
    case Role::kIntermediate:
      return &workspace_.intermediate;
    case Role::kGate:
      return &workspace_.gate;
    default:
      return &workspace_.sa_output;  // of the feed-forward network too: attention's is used up by then
  }
}

void LayerOps::quantize(const Floats& values) {
  const std::int64_t d = model_.config.hidden_size;
  const std::int64_t offset = rows_.first * d;
  kernels::quantize_symmetric(values.data() + offset, {.count = rows_.count, .size = d},
                              workspace_.codes.data() + offset, workspace_.code_scales.data() + rows_.first);
}

LayerOps::Value LayerOps::multiply(Role role, const Codes& codes) {
  const PackedLinear& linear = linear_of(role);
  const Value out = output_of(role);
  runtime::multiply(linear, codes.data() + rows_.first * linear.shape.cols,
                    workspace_.code_scales.data() + rows_.first, rows_.count, model_.set,
                    out->data() + rows_.first * linear.shape.rows);
  return out;
}

LayerOps::Value LayerOps::activated_linear(Role role, kernels::Activation activation, Value x) {
  const std::int64_t f = model_.config.intermediate_size;
  kernels::activate_quantize_symmetric(
      activation, x->data() + rows_.first * f, {.count = rows_.count, .size = f},
      workspace_.intermediate_codes.data() + rows_.first * f, workspace_.code_scales.data() + rows_.first);
  return multiply(role, workspace_.intermediate_codes);
}

LayerOps::Value LayerOps::gated_linear(Role role, kernels::Activation activation, Value x, Value gate) {
  const std::int64_t f = model_.config.intermediate_size;
  const std::int64_t offset = rows_.first * f;
  kernels::activate_gated_quantize_symmetric(
      activation, {.input = x->data() + offset, .gate = gate->data() + offset},
      {.count = rows_.count, .size = f}, workspace_.intermediate_codes.data() + offset,
      workspace_.code_scales.data() + rows_.first);
  return multiply(role, workspace_.intermediate_codes);
}

void LayerOps::normalize(const Floats& x, const float* residual, const NormWeights& norm, Floats& out) {
  const std::int64_t d = model_.config.hidden_size;
  const std::int64_t offset = rows_.first * d;
  kernels::layer_norm_forward(
      {.rows = rows_.count, .cols = d, .x = x.data() + offset, .dropout = {}, .residual = residual},
      {.weight = norm.weight, .bias = norm.bias, .epsilon = static_cast<float>(model_.config.layer_norm_eps)},
      {.mean = workspace_.mean.data() + rows_.first,
       .inverse_deviation = workspace_.inverse_deviation.data() + rows_.first},
      out.data() + offset);
}

LayerOps::Value LayerOps::norm(Role role, Value x) {
  normalize(*x, nullptr, norm_of(role), workspace_.normed);
  return &workspace_.normed;
}

LayerOps::Value LayerOps::add(Role role, Value x, Value residual) {
  const Value out = role == Role::kAttentionOutput ? &workspace_.attention_output : &workspace_.hidden;
  const std::int64_t d = model_.config.hidden_size;
  const std::int64_t offset = rows_.first * d;
  const float* from = x->data() + offset;
  const float* to_add = residual->data() + offset;
  float* sum = out->data() + offset;
  for (std::int64_t i = 0; i < rows_.count * d; ++i) sum[i] = from[i] + to_add[i];
  return out;
}

LayerOps::Value LayerOps::add_norm(Role role, Value x, Value residual) {
  const Value out = role == Role::kAttentionNorm ? &workspace_.attention_output : &workspace_.hidden;
  normalize(*x, residual->data() + rows_.first * model_.config.hidden_size, norm_of(role), *out);
  return out;
}

}  // namespace kdqat::runtime
