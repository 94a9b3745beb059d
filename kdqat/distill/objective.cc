#include "kdqat/distill/objective.h"

#include <algorithm>
#include <cmath>

#include "kdqat/base/error.h"
#include "kdqat/distill/attention_loss.h"
#include "kdqat/distill/prediction_loss.h"
#include "kdqat/distill/signal_loss.h"

namespace kdqat::distill {
namespace {

bool contains(Recipe recipe, Loss loss) {
  switch (loss) {
    case Loss::kGroundTruth:
      return recipe == Recipe::kHardLabel;
    case Loss::kLogit:
      return recipe != Recipe::kHardLabel;
    case Loss::kHiddenState:
      return recipe != Recipe::kHardLabel && recipe != Recipe::kSoftLabel;
    case Loss::kAttentionScore:
      return recipe == Recipe::kTernaryBert;
    case Loss::kAttentionMap:
      return recipe == Recipe::kMap || recipe == Recipe::kUnified;
    case Loss::kAttentionOutput:
      return recipe == Recipe::kOutput || recipe == Recipe::kUnified;
    case Loss::kContext:
    case Loss::kSaOutput:
      return false;
  }
  return false;
}

std::string joined_recipe_names() {
  std::string text;
  for (const std::string& name : recipe_names()) {
    if (!text.empty()) text.append(", ");
    text.append(name);
  }
  return text;
}

}  // namespace

std::string_view name_of(Loss loss) {
  switch (loss) {
    case Loss::kGroundTruth:
      return "ground_truth";
    case Loss::kLogit:
      return "logit";
    case Loss::kHiddenState:
      return "hidden_state";
    case Loss::kAttentionScore:
      return "attention_score";
    case Loss::kAttentionMap:
      return "attention_map";
    case Loss::kContext:
      return "context";
    case Loss::kAttentionOutput:
      return "attention_output";
    case Loss::kSaOutput:
      return "sa_output";
  }
  throw base::InvalidArgument("unknown loss");
}

const std::vector<std::string>& recipe_names() {
  static const std::vector<std::string> names = {"hard-label", "soft-label", "hidden", "ternarybert",
                                                 "map",        "output",     "unified"};
  return names;
}

Recipe find_recipe(std::string_view name) {
  const std::vector<std::string>& names = recipe_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw base::InvalidArgument(
        base::concat("objective: expected one of ", joined_recipe_names(), ", found '", name, "'"));
  }
  return static_cast<Recipe>(found - names.begin());
}

std::string_view name_of(Recipe recipe) { return recipe_names()[static_cast<std::size_t>(recipe)]; }

double ObjectiveConfig::weight_of(Loss loss) const {
  const std::optional<double>& given = weights[static_cast<std::size_t>(loss)];
  if (given) return *given;
  if (!contains(recipe, loss)) return 0.0;
  if (gamma && recipe == Recipe::kUnified && loss == Loss::kAttentionMap) return *gamma;
  if (gamma && recipe == Recipe::kUnified && loss == Loss::kAttentionOutput) return 1.0 - *gamma;
  return 1.0;
}

model::SignalSelection needed_signals(const ObjectiveConfig& config) {
  const auto reads = [&](Loss loss) { return config.weight_of(loss) > 0.0; };
  const bool map = reads(Loss::kAttentionMap);
  return {.hidden_states = reads(Loss::kHiddenState),
          .attention_scores = reads(Loss::kAttentionScore) || (map && config.temperature != 1.0),
          .attention_map = map,
          .context = reads(Loss::kContext),
          .sa_output = reads(Loss::kSaOutput),
          .attention_output = reads(Loss::kAttentionOutput)};
}

void check(const ObjectiveConfig& config, std::int64_t num_hidden_layers) {
  if (config.gamma && config.recipe != Recipe::kUnified) {
    throw base::InvalidArgument(
        base::concat("gamma: expected the objective unified, found ", name_of(config.recipe)));
  }
  if (config.gamma && !(*config.gamma >= 0.0 && *config.gamma <= 1.0)) {
    throw base::InvalidArgument(base::concat("gamma: expected 0 to 1, found ", *config.gamma));
  }
  bool any = false;
  for (const Loss loss : kLosses) {
    const double weight = config.weight_of(loss);
    if (!(weight >= 0.0) || std::isinf(weight)) {
      throw base::InvalidArgument(
          base::concat("weight of ", name_of(loss), ": expected 0 or more, found ", weight));
    }
    any = any || weight > 0.0;
  }
  if (!any) throw base::InvalidArgument("objective: expected a loss with a weight above 0, found none");
  if (!(config.temperature > 0.0)) {
    throw base::InvalidArgument(
        base::concat("temperature: expected more than 0, found ", config.temperature));
  }
  config.layers.resolve(num_hidden_layers);
}

LayerLoss compute_loss(Loss loss, const LossInputs& inputs, const torch::Tensor& labels, double temperature) {
  switch (loss) {
    case Loss::kGroundTruth:
      return sum_terms({ground_truth_loss(inputs.student.logits, labels)});
    case Loss::kLogit:
      return sum_terms({logit_loss(inputs.teacher.logits, inputs.student.logits)});
    case Loss::kHiddenState:
      return hidden_state_loss(inputs);
    case Loss::kAttentionScore:
      return attention_score_loss(inputs);
    case Loss::kAttentionMap:
      return attention_map_loss(inputs, temperature);
    case Loss::kContext:
      return context_loss(inputs);
    case Loss::kAttentionOutput:
      return attention_output_loss(inputs);
    case Loss::kSaOutput:
      return sa_output_loss(inputs);
  }
  throw base::InvalidArgument("unknown loss");
}

ObjectiveResult compute_objective(const ObjectiveConfig& config, const LossInputs& inputs,
                                  const torch::Tensor& labels) {
  ObjectiveResult result;
  for (const Loss loss : kLosses) {
    const double weight = config.weight_of(loss);
    if (weight == 0.0) continue;
    LayerLoss value = compute_loss(loss, inputs, labels, config.temperature);
    const torch::Tensor weighted = weight == 1.0 ? value.total : value.total * weight;
    result.total = result.total.defined() ? result.total + weighted : weighted;
    result.losses.push_back({.loss = loss, .value = std::move(value)});
  }
  return result;
}

}  // namespace kdqat::distill
