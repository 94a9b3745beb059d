#include "kdqat/distill/signal_loss.h"

#include "kdqat/distill/fused_loss.h"

namespace kdqat::distill {
namespace {

/// Signal `first` + l of each chosen layer l; those before `first` belong to no layer and take part with all
/// of them.
LayerLoss mse_over_layers(const LossInputs& inputs, std::vector<torch::Tensor> model::Signals::*list,
                          std::size_t first = 0) {
  const std::vector<torch::Tensor>& teacher = inputs.teacher.*list;
  const std::vector<torch::Tensor>& student = inputs.student.*list;
  std::vector<torch::Tensor> terms(student.size());
  const auto add = [&](std::size_t signal) {
    terms[signal] = mean_squared_error(student[signal], teacher[signal], inputs.form);
  };
  for (std::size_t signal = 0; signal < first && inputs.layers.all; ++signal) add(signal);
  for (const std::int64_t layer : inputs.layers.resolve(static_cast<std::int64_t>(student.size() - first))) {
    add(first + static_cast<std::size_t>(layer));
  }
  return sum_terms(std::move(terms));
}

}  // namespace

LayerLoss hidden_state_loss(const LossInputs& inputs) {
  return mse_over_layers(inputs, &model::Signals::hidden_states,
                         /*first=*/1);
}

LayerLoss attention_output_loss(const LossInputs& inputs) {
  return mse_over_layers(inputs, &model::Signals::attention_output);
}

LayerLoss sa_output_loss(const LossInputs& inputs) {
  return mse_over_layers(inputs, &model::Signals::sa_output);
}

LayerLoss context_loss(const LossInputs& inputs) { return mse_over_layers(inputs, &model::Signals::context); }

}  // namespace kdqat::distill
