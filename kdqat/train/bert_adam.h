#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kdqat/kernels/bert_adam.h"
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
///
/// Of a parameter with sparse gradients, the rows without one fall behind and are updated when they are next
/// needed, to the same bits. So `catch_up(rows)` must be called before a forward pass looks rows up, and
/// `catch_up()` before anything else reads the parameters.
class BertAdam {
 public:
  /// Moments start at 0. The parameters' tensors are shared with the classifier.
  BertAdam(BertAdamConfig config, const std::vector<model::NamedParameter>& parameters,
           std::int64_t total_updates);

  /// One update from the parameters' gradients, which are then dropped; a parameter without one gets zeros.
  /// Throws NumericError that names the parameter if a gradient is not finite; nothing is changed then.
  void update();

  /// Brings rows, int64 [n] in any order, of the parameters with sparse gradients up to date.
  void catch_up(const torch::Tensor& rows);

  /// Brings all rows up to date.
  void catch_up();

  std::int64_t updates() const { return updates_; }
  double learning_rate() const { return scheduled_learning_rate(config_, updates_, total_updates_); }

  /// State of one parameter, to save and to load.
  struct Slot {
    std::string name;
    torch::Tensor parameter;      ///< shared with the classifier
    torch::Tensor first_moment;   ///< float32, of its shape
    torch::Tensor second_moment;  ///< float32, of its shape
    bool decays = true;
    std::vector<std::int64_t> row_updates;  ///< updates done of each row; empty: all rows are up to date
  };

  /// All of them, up to date.
  std::vector<Slot>& slots() {
    catch_up();
    return slots_;
  }

  /// After the slots have been loaded: the number of updates that they have behind them.
  void set_updates(std::int64_t updates) { updates_ = updates; }

 private:
  void update_rows(const kernels::BertAdamSettings& settings, const torch::Tensor& gradient, Slot& slot);
  void catch_up_row(Slot& slot, std::int64_t row) const;
  void catch_up_all_rows(Slot& slot) const;
  kernels::BertAdamSettings settings_of(const Slot& slot) const;

  BertAdamConfig config_;
  std::int64_t total_updates_;
  std::int64_t updates_ = 0;
  std::vector<float> learning_rates_;  ///< of every update
  std::vector<Slot> slots_;
};

}  // namespace kdqat::train
