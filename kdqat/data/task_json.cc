#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/data/custom_task.h"
#include "kdqat/data/task.h"

namespace kdqat::data {
namespace {

std::string required_string(const base::JsonFields& fields, std::string_view name) {
  const nlohmann::json* const value = fields.find(name);
  if (value == nullptr || !value->is_string()) fields.fail(name, "a string");
  return value->get<std::string>();
}

bool required_boolean(const base::JsonFields& fields, std::string_view name) {
  const nlohmann::json* const value = fields.find(name);
  if (value == nullptr || !value->is_boolean()) fields.fail(name, "true or false");
  return value->get<bool>();
}

std::vector<std::string> required_strings(const base::JsonFields& fields, std::string_view name) {
  const nlohmann::json* const value = fields.find(name);
  const bool all_strings = value != nullptr && value->is_array() &&
                           std::ranges::all_of(*value, [](const auto& item) { return item.is_string(); });
  if (!all_strings) fields.fail(name, "an array of strings");
  return value->get<std::vector<std::string>>();
}

CustomTaskOptions custom_options(const base::JsonFields& fields) {
  CustomTaskOptions options;
  options.text_column = required_string(fields, "text_column");
  if (fields.find("pair_column") != nullptr) options.pair_column = required_string(fields, "pair_column");
  options.label_column = required_string(fields, "label_column");
  options.metric = find_metric(required_string(fields, "metric"));
  options.regression = required_boolean(fields, "regression");
  options.labels = required_strings(fields, "labels");
  return options;
}

}  // namespace

nlohmann::json to_json(const Task& task) {
  nlohmann::json json = {{"name", task.name}};
  if (task.name != kCustomTask) return json;
  json["text_column"] = std::get<std::string>(task.columns.text);
  if (task.columns.pair) json["pair_column"] = std::get<std::string>(*task.columns.pair);
  json["label_column"] = std::get<std::string>(task.columns.label);
  json["metric"] = name_of(task.metric);
  json["regression"] = task.kind == TaskKind::kRegression;
  json["labels"] = task.labels;
  return json;
}

Task task_from_json(const nlohmann::json& json, const std::string& where) {
  const base::JsonFields fields(json, where);
  const std::string name = required_string(fields, "name");
  try {
    return name == kCustomTask ? make_custom_task(custom_options(fields)) : find_task(name);
  } catch (const base::InvalidArgument& error) {
    throw base::FormatError(base::concat(where, ": ", error.what()));
  }
}

}  // namespace kdqat::data
