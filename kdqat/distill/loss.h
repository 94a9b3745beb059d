#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kdqat/model/classifier.h"

namespace kdqat::distill {

/// Which layers a loss sums over; layer l counts from 0 and pairs with hidden state l + 1.
struct LayerSelection {
  bool all = true;                   ///< every layer, and with it the embedding output (hidden state 0)
  std::vector<std::int64_t> layers;  ///< the chosen ones, ascending, where not all

  /// Those of an encoder with `num_hidden_layers`, ascending.
  std::vector<std::int64_t> resolve(std::int64_t num_hidden_layers) const;

  bool operator==(const LayerSelection&) const = default;
};

/// "all", "9" or "0,5,11". Throws InvalidArgument for anything else, a duplicate included.
LayerSelection parse_layers(const std::string& text);
std::string to_string(const LayerSelection& selection);

/// What a loss compares: the signals of both models on one batch. The teacher's carry no gradient.
struct LossInputs {
  const model::Signals& teacher;
  const model::Signals& student;
  const LayerSelection& layers;
  quant::Form form = quant::Form::kFused;  ///< kFused takes float32 on a CPU, and is differentiable once
};

/// A loss over layers. All scalars, differentiable.
struct LayerLoss {
  torch::Tensor total;  ///< the sum of the terms
  std::vector<torch::Tensor>
      terms;  ///< by layer, hidden_state from the embedding output on; undefined where not chosen
};

/// The loss of these terms; those that are undefined add nothing.
LayerLoss sum_terms(std::vector<torch::Tensor> terms);

}  // namespace kdqat::distill
