#pragma once

#include <torch/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kdqat/encoder/layer.h"
#include "kdqat/model/dropout.h"
#include "kdqat/model/weights.h"

/// The steps of encoder/layer.h, each an operation of its own, in the reference or the fused form:
///
///   LayerOps ops({.spec = config, .layer = layer, .linear = options, .cu_seqlens = cu_seqlens}, masks);
///   const auto result = encoder::finish_layer(ops, config, hidden, context);
namespace kdqat::model {

/// Dropout of one layer besides the map's.
struct LayerMasks {
  DropoutMask sa_output, intermediate, output;
};

/// What the steps of one layer refer to.
struct LayerInputs {
  const encoder::EncoderSpec& spec;
  const EncoderLayer& layer;
  const quant::LinearOptions& linear;  ///< its form is that of every step
  std::span<const std::int64_t> cu_seqlens;
};

class LayerOps {
 public:
  /// All that they refer to must outlive it.
  LayerOps(const LayerInputs& inputs, const LayerMasks& masks) : inputs_(inputs), masks_(masks) {}

  template <std::size_t N>
  std::array<torch::Tensor, N> linears(const std::array<encoder::Role, N>& roles,
                                       const torch::Tensor& x) const {
    std::vector<quant::LinearParameters> parameters;
    for (const encoder::Role role : roles) parameters.push_back(linear_of(role));
    const std::vector<torch::Tensor> outputs = quant::linear(x, parameters, inputs_.linear);
    std::array<torch::Tensor, N> result;
    for (std::size_t i = 0; i < N; ++i) result[i] = outputs[i];
    return result;
  }

  torch::Tensor activated_linear(encoder::Role role, kernels::Activation activation,
                                 const torch::Tensor& x) const;
  torch::Tensor gated_linear(encoder::Role role, kernels::Activation activation, const torch::Tensor& x,
                             const torch::Tensor& gate) const;
  torch::Tensor norm(encoder::Role role, const torch::Tensor& x) const;
  torch::Tensor add(encoder::Role role, const torch::Tensor& x, const torch::Tensor& residual) const;
  torch::Tensor add_norm(encoder::Role role, const torch::Tensor& x, const torch::Tensor& residual) const;
  torch::Tensor rotate(const torch::Tensor& x, double theta) const;

 private:
  const quant::LinearParameters& linear_of(encoder::Role role) const;
  const LayerNorm& norm_of(encoder::Role role) const;

  /// Of what attention's or the feed-forward network's linear, or the norm behind it, adds to the residual.
  const DropoutMask& mask_of(encoder::Role role) const;

  LayerInputs inputs_;
  const LayerMasks& masks_;
};

}  // namespace kdqat::model
