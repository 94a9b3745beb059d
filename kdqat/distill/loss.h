#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kdqat/model/classifier.h"

// What every loss takes and returns:
//
//   const LayerSelection layers = parse_layers("all");
//   const LossInputs inputs{.teacher = teacher, .student = student, .cu_seqlens = batch.cu_seqlens,
//                           .heads = 12, .layers = layers};
//   const LayerLoss loss = hidden_state_loss(inputs);  // loss.terms: one a layer; loss.total: their sum

namespace kdqat::distill {

/// The layers that a loss sums over. They count from 0; layer l gives hidden state l + 1.
struct LayerSelection {
  bool all = true;                   ///< every layer, and the embeddings' output (hidden state 0)
  std::vector<std::int64_t> layers;  ///< the chosen layers, ascending; only if not `all`

  /// The selected layers of an encoder with `num_hidden_layers`, ascending.
  std::vector<std::int64_t> resolve(std::int64_t num_hidden_layers) const;

  bool operator==(const LayerSelection&) const = default;
};

/// Reads "all", "9" or "0,5,11". Throws InvalidArgument for anything else, also for a layer given twice.
LayerSelection parse_layers(const std::string& text);
std::string to_string(const LayerSelection& selection);

/// The input of a loss: the signals of both models on one batch. The teacher's signals get no gradient.
struct LossInputs {
  const model::Signals& teacher;
  const model::Signals& student;
  const LayerSelection& layers;
  quant::Form form = quant::Form::kFused;  ///< kFused: float32 on a CPU, differentiable once
};

/// A loss over layers. All tensors are differentiable scalars.
struct LayerLoss {
  torch::Tensor total;  ///< the sum of the terms
  std::vector<torch::Tensor>
      terms;  ///< by layer (hidden_state: from the embeddings' output on); undefined if not selected
};

/// The sum of the terms. Undefined terms add nothing.
LayerLoss sum_terms(std::vector<torch::Tensor> terms);

}  // namespace kdqat::distill
