#include "kdqat/distill/signal_loss.h"

namespace kdqat::distill {
namespace {

/// Signal `first` + l of each chosen layer l; those before `first` belong to no layer and take part with all
/// of them.
LayerLoss mse_over_layers(const std::vector<torch::Tensor>& teacher,
                          const std::vector<torch::Tensor>& student, const LayerSelection& layers,
                          std::size_t first = 0) {
  std::vector<torch::Tensor> terms(student.size());
  const auto add = [&](std::size_t signal) {
    terms[signal] = torch::mse_loss(student[signal], teacher[signal]);
  };
  for (std::size_t signal = 0; signal < first && layers.all; ++signal) add(signal);
  for (const std::int64_t layer : layers.resolve(static_cast<std::int64_t>(student.size() - first))) {
    add(first + static_cast<std::size_t>(layer));
  }
  return sum_terms(std::move(terms));
}

}  // namespace

LayerLoss hidden_state_loss(const LossInputs& inputs) {
  return mse_over_layers(inputs.teacher.hidden_states, inputs.student.hidden_states, inputs.layers,
                         /*first=*/1);
}

LayerLoss attention_output_loss(const LossInputs& inputs) {
  return mse_over_layers(inputs.teacher.attention_output, inputs.student.attention_output, inputs.layers);
}

LayerLoss sa_output_loss(const LossInputs& inputs) {
  return mse_over_layers(inputs.teacher.sa_output, inputs.student.sa_output, inputs.layers);
}

LayerLoss context_loss(const LossInputs& inputs) {
  return mse_over_layers(inputs.teacher.context, inputs.student.context, inputs.layers);
}

}  // namespace kdqat::distill
