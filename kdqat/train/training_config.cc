#include "kdqat/train/training_config.h"

#include <cmath>

#include "kdqat/base/error.h"

namespace kdqat::train {
namespace {

nlohmann::json to_json(const data::CustomTaskOptions& options) {
  nlohmann::json json = {{"text_column", options.text_column}, {"label_column", options.label_column}};
  if (options.pair_column) json["pair_column"] = *options.pair_column;
  if (options.metric) json["metric"] = data::name_of(*options.metric);
  if (options.regression) json["regression"] = true;
  if (!options.labels.empty()) json["labels"] = options.labels;
  return json;
}

nlohmann::json to_json(const TrainingConfig& config) {
  nlohmann::json json = {
      {"task", config.task},
      {"data", config.data_dir.string()},
      {"output", config.output_dir.string()},
      {"learning_rate", config.learning_rate},
      {"epochs", config.epochs},
      {"max_steps", config.max_steps},
      {"batch_size", config.batch_size},
      {"batch_tokens", config.batch_tokens},
      {"bucket_by_length", config.bucket_by_length},
      {"max_seq_length", config.max_seq_length},
      {"eval_steps", config.eval_steps},
      {"seed", config.seed},
      {"precision", config.precision == quant::Precision::kBf16 ? "bf16" : "fp32"},
  };
  if (config.custom) json["columns"] = to_json(*config.custom);
  if (config.hold_out) json["hold_out"] = true;
  if (!config.train_file.empty()) json["train"] = config.train_file.string();
  return json;
}

nlohmann::json to_json(const distill::ObjectiveConfig& objective) {
  nlohmann::json json = {{"recipe", distill::name_of(objective.recipe)},
                         {"distill_layers", distill::to_string(objective.layers)}};
  if (objective.gamma) json["gamma"] = *objective.gamma;
  if (std::isinf(objective.temperature)) {
    json["temperature"] = "inf";
  } else {
    json["temperature"] = objective.temperature;
  }
  for (const distill::Loss loss : distill::kLosses) {
    const std::string name(name_of(loss));
    const std::optional<double>& given = objective.weights[static_cast<std::size_t>(loss)];
    if (given) json["weights"][name] = *given;
    if (objective.weight_of(loss) != 0.0) json["effective_weights"][name] = objective.weight_of(loss);
  }
  return json;
}

std::string difference_below(const nlohmann::json& begun, const nlohmann::json& given,
                             const std::string& name) {
  if (begun.is_object() && given.is_object()) {
    nlohmann::json keys = begun;
    keys.update(given);
    for (const auto& [key, unused] : keys.items()) {
      std::string result =
          difference_below(begun.value(key, nlohmann::json()), given.value(key, nlohmann::json()),
                           name.empty() ? key : name + "." + key);
      if (!result.empty()) return result;
    }
    return {};
  }
  if (begun == given) return {};
  return base::concat(name, ": expected ", begun.dump(), ", found ", given.dump());
}

}  // namespace

std::string first_difference(const nlohmann::json& begun, const nlohmann::json& given) {
  return difference_below(begun, given, "");
}

nlohmann::json to_json(const FinetuneConfig& config) {
  nlohmann::json json = to_json(config.training);
  json["model"] = config.model_dir.string();
  return json;
}

nlohmann::json to_json(const DistillConfig& config) {
  nlohmann::json json = to_json(config.training);
  json["teacher"] = config.teacher_dir.string();
  json["objective"] = to_json(config.objective);
  json["quantization"] = format::to_json(config.quantization);
  return json;
}

}  // namespace kdqat::train
