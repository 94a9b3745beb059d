#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kdqat/model/classifier.h"

namespace kdqat::train {

struct BertAdamConfig {
  double learning_rate = 2e-5;     ///< peak, reached after warm-up
  double warmup_proportion = 0.1;  ///< of all updates
  double weight_decay = 0.01;      ///< not of biases and LayerNorm
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-6;
  double max_gradient_norm = 1.0;  ///< of each parameter tensor on its own
};

/// Learning rate of the 0-based update `update` of `total_updates`: with x = update / total_updates, peak * x
/// / warmup while x < warmup, then peak * (1 - x) / (1 - warmup). So that of the first update is 0.
double scheduled_learning_rate(const BertAdamConfig& config, std::int64_t update, std::int64_t total_updates);

/// BERT's optimizer (kernels/bert_adam.h) over all parameters of a classifier, each gradient clipped to a
/// norm of max_gradient_norm: factor min(1, max / (norm + 1e-6)).
class BertAdam {
 public:
  /// Moments start at 0. The parameters' tensors are shared with the classifier.
  BertAdam(BertAdamConfig config, const std::vector<model::NamedParameter>& parameters,
           std::int64_t total_updates);

  /// One update from the parameters' gradients, which are then dropped; a parameter without one gets zeros.
  /// Sparse gradients must be coalesced. Throws NumericError that names the parameter if a gradient is not
  /// finite; nothing is changed then.
  void update();

  std::int64_t updates() const { return updates_; }
  double learning_rate() const { return scheduled_learning_rate(config_, updates_, total_updates_); }

  /// State of one parameter, to save and to load.
  struct Slot {
    std::string name;
    torch::Tensor parameter;      ///< shared with the classifier
    torch::Tensor first_moment;   ///< float32, of its shape
    torch::Tensor second_moment;  ///< float32, of its shape
    bool decays = true;
  };
  std::vector<Slot>& slots() { return slots_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }

 private:
  BertAdamConfig config_;
  std::int64_t total_updates_;
  std::int64_t updates_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace kdqat::train
