#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "kdqat/base/aligned.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/kernels/attention.h"
#include "kdqat/kernels/instruction_set.h"
#include "kdqat/kernels/rotary.h"
#include "kdqat/runtime/weights.h"

namespace kdqat::runtime {

/// What attention needs of positions, computed once when a model is loaded: rotary tables, a bias by
/// distance, the projections of relative embeddings. Empty where the family has none of it.
///
///   const PositionTables tables(config, weights, set);
///   input.terms = tables.terms(layer);
class PositionTables {
 public:
  /// `config` must outlive it. For sequences of up to config.max_length() tokens.
  PositionTables(const encoder::EncoderConfig& config, const Weights& weights, kernels::InstructionSet set);

  /// Turns query and key of a batch where the layer has rotary positions.
  void rotate(std::size_t layer, const kernels::AttentionShape& shape, float* query, float* key) const;

  /// What is added to the scores of a layer; it points into the tables.
  kernels::AttentionTerms terms(std::size_t layer) const;

 private:
  /// The relative embeddings behind a layer's projections, [2 span, D], quantized a head.
  struct Projected {
    base::AlignedVector<float> key, query;
  };

  void add_rotary();
  void add_bias(const float* table);
  void add_disentangled(const Weights& weights, kernels::InstructionSet set);

  const encoder::EncoderConfig& config_;
  std::int64_t reach_;
  std::map<double, kernels::RotaryTable> rotary_;  ///< by theta
  std::vector<float> bias_;                        ///< [H, 2 reach + 1]
  std::vector<std::int32_t> rows_;                 ///< [2 reach + 1]
  std::vector<Projected> projected_;               ///< a layer each
};

}  // namespace kdqat::runtime
