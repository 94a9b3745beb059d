#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kdqat/encoder/layer.h"
#include "kdqat/runtime/encoder.h"

namespace kdqat::runtime {

/// Rows of a batch that one thread takes through a step.
struct Rows {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

/// The steps of a layer (encoder/layer.h) over some rows of a workspace, linears in integers. A Value is one
/// of the workspace's buffers.
class LayerOps {
 public:
  using Value = Floats*;

  /// What they refer to must outlive it.
  struct Model {
    const encoder::EncoderConfig& config;
    const LayerWeights& layer;
    kernels::InstructionSet set;
  };

  LayerOps(const Model& model, const Rows& rows, Workspace& workspace)
      : model_(model), rows_(rows), workspace_(workspace) {}

  template <std::size_t N>
  std::array<Value, N> linears(const std::array<encoder::Role, N>& roles, Value x) {
    quantize(*x);
    std::array<Value, N> outputs;
    for (std::size_t i = 0; i < N; ++i) outputs[i] = multiply(roles[i], workspace_.codes);
    return outputs;
  }

  Value activated_linear(encoder::Role role, kernels::Activation activation, Value x);
  Value gated_linear(encoder::Role role, kernels::Activation activation, Value x, Value gate);
  Value norm(encoder::Role role, Value x);
  Value add(encoder::Role role, Value x, Value residual);
  Value add_norm(encoder::Role role, Value x, Value residual);

  /// Rotation needs whole sequences: Encoder::attend does it before attention.
  static Value rotate(Value x, double /*theta*/) { return x; }

 private:
  const PackedLinear& linear_of(encoder::Role role) const;
  const NormWeights& norm_of(encoder::Role role) const;
  Value output_of(encoder::Role role);
  void quantize(const Floats& values);
  Value multiply(encoder::Role role, const Codes& codes);
  void normalize(const Floats& x, const float* residual, const NormWeights& norm, Floats& out);

  const Model& model_;
  Rows rows_;
  Workspace& workspace_;
};

/// y = codes w^T for `rows` rows of codes, to `out` from its first row on.
void multiply(const PackedLinear& linear, const std::int8_t* codes, const float* code_scales,
              std::int64_t rows, kernels::InstructionSet set, float* out);

}  // namespace kdqat::runtime
