#include "kdqat/distill/signal_loss.h"

namespace kdqat::distill {
namespace {

LayerLoss mse_over_layers(const std::vector<torch::Tensor>& teacher, const std::vector<torch::Tensor>& student,
                          const LayerSelection& layers) {
  std::vector<torch::Tensor> terms;
  for (const std::int64_t layer : layers.resolve(static_cast<std::int64_t>(student.size()))) {
    const auto l = static_cast<std::size_t>(layer);
    terms.push_back(torch::mse_loss(student[l], teacher[l]));
  }
  return sum_terms(std::move(terms));
}

}  // namespace

LayerLoss hidden_state_loss(const LossInputs& inputs) {
  const std::vector<torch::Tensor>& teacher = inputs.teacher.hidden_states;
  const std::vector<torch::Tensor>& student = inputs.student.hidden_states;
  std::vector<torch::Tensor> terms;
  if (inputs.layers.all) terms.push_back(torch::mse_loss(student[0], teacher[0]));
  for (const std::int64_t layer : inputs.layers.resolve(static_cast<std::int64_t>(student.size()) - 1)) {
    const auto l = static_cast<std::size_t>(layer) + 1;
    terms.push_back(torch::mse_loss(student[l], teacher[l]));
  }
  return sum_terms(std::move(terms));
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
