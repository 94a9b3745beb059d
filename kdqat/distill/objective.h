#pragma once

#include <torch/types.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/distill/loss.h"

// The weighted sum of losses that a student learns from:
//
//   ObjectiveConfig config{.recipe = Recipe::kUnified, .gamma = 0.5};
//   check(config, /*num_hidden_layers=*/6);
//   const ObjectiveResult result = compute_objective(config, inputs, batch.labels);
//   result.total.backward();

namespace kdqat::distill {

/// Every loss that a student can learn from.
enum class Loss {
  kGroundTruth,
  kLogit,
  kHiddenState,
  kAttentionScore,
  kAttentionMap,
  kContext,
  kAttentionOutput,
  kSaOutput,
};

inline constexpr std::array kLosses = {Loss::kGroundTruth,     Loss::kLogit,        Loss::kHiddenState,
                                       Loss::kAttentionScore,  Loss::kAttentionMap, Loss::kContext,
                                       Loss::kAttentionOutput, Loss::kSaOutput};

/// "ground_truth", "logit", "hidden_state" ...
std::string_view name_of(Loss loss);

/// The paper's objectives (arXiv:2211.11014): each is a set of losses with weight 1.
enum class Recipe {
  kHardLabel,    ///< ground_truth
  kSoftLabel,    ///< logit
  kHidden,       ///< logit + hidden_state
  kTernaryBert,  ///< logit + hidden_state + attention_score
  kMap,          ///< logit + hidden_state + attention_map
  kOutput,       ///< logit + hidden_state + attention_output
  kUnified,      ///< logit + hidden_state + attention_map + attention_output
};

/// "hard-label", "soft-label", "hidden", "ternarybert", "map", "output", "unified", in this order.
const std::vector<std::string>& recipe_names();

/// The recipe of a name. Throws InvalidArgument that lists the names.
Recipe find_recipe(std::string_view name);
std::string_view name_of(Recipe recipe);

struct ObjectiveConfig {
  Recipe recipe = Recipe::kUnified;

  /// unified = gamma attention_map + (1 - gamma) attention_output. Without gamma both have weight 1.
  std::optional<double> gamma;

  /// Weights that replace the recipe's, in the order of kLosses. 0 turns a loss off.
  std::array<std::optional<double>, kLosses.size()> weights;

  double temperature = 1.0;  ///< of attention_map; infinity: the limit
  LayerSelection layers;     ///< of every loss over layers

  /// The weight of `loss`; 0 if it takes no part.
  double weight_of(Loss loss) const;
};

/// The signals that the losses of `config` read: what the forward passes have to keep.
model::SignalSelection needed_signals(const ObjectiveConfig& config);

/// Throws InvalidArgument that names the setting, what was expected and what was found, for: gamma outside of
/// [0, 1] or with a recipe other than unified, a negative or infinite weight, a temperature that is not above
/// 0, a layer that the encoder does not have, or weights that are all 0.
void check(const ObjectiveConfig& config, std::int64_t num_hidden_layers);

/// One loss of a step, before it is multiplied by its weight.
struct NamedLoss {
  Loss loss;
  LayerLoss value;  ///< one term a layer; ground_truth and logit have one term
};

struct ObjectiveResult {
  torch::Tensor total;            ///< the weighted sum, differentiable
  std::vector<NamedLoss> losses;  ///< the losses with a weight, in the order of kLosses
};

/// A single loss. Only ground_truth reads `labels`; for other losses they may be undefined.
LayerLoss compute_loss(Loss loss, const LossInputs& inputs, const torch::Tensor& labels, double temperature);

/// The weighted sum of the losses of `config`.
ObjectiveResult compute_objective(const ObjectiveConfig& config, const LossInputs& inputs,
                                  const torch::Tensor& labels);

}  // namespace kdqat::distill
