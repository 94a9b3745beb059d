#pragma once

#include <torch/csrc/autograd/custom_function.h>
#include <torch/utils.h>

#include <utility>
#include <vector>

/// What a fused operation keeps of its forward pass for its backward pass, by name:
///
///   struct Saved {
///     torch::Tensor query, map;
///     double dropout_factor = 1.0;
///     template <typename Visit> void for_each_tensor(const Visit& visit) { visit(query); visit(map); }
///   };
///   save_state(context, Saved{.query = q, .map = m, .dropout_factor = 1.1});   // in forward
///   const auto saved = load_state<Saved>(context);                             // in backward: saved.map
namespace kdqat::quant {

template <typename State>
class StateHolder : public torch::CustomClassHolder {
 public:
  explicit StateHolder(State state) : state_(std::move(state)) {}
  const State& state() const { return state_; }

 private:
  State state_;
};

inline constexpr const char* kStateKey = "state";

/// An autograd function takes no undefined tensor: an empty one stands for it.
inline torch::Tensor defined_or_empty(const torch::Tensor& tensor) {
  return tensor.defined() ? tensor : torch::empty({0});
}

/// Keeps `state` in the context of an autograd function. Its tensors go through autograd's own list, so that
/// an output of the function may be among them without keeping the function alive.
template <typename State>
void save_state(torch::autograd::AutogradContext* context, State state) {
  std::vector<torch::Tensor> tensors;
  state.for_each_tensor([&](auto& tensor) { tensors.push_back(std::exchange(tensor, torch::Tensor())); });
  context->save_for_backward(std::move(tensors));
  context->saved_data[kStateKey] =
      torch::IValue::make_capsule(c10::make_intrusive<StateHolder<State>>(std::move(state)));
}

/// What save_state was given.
template <typename State>
State load_state(torch::autograd::AutogradContext* context) {
  const auto holder = context->saved_data[kStateKey].toCapsule();
  State state = static_cast<const StateHolder<State>&>(*holder).state();
  const std::vector<torch::Tensor> tensors = context->get_saved_variables();
  std::size_t next = 0;
  state.for_each_tensor([&](auto& tensor) { tensor = tensors[next++]; });
  return state;
}

}  // namespace kdqat::quant
