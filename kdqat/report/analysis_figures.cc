#include "kdqat/report/analysis_figures.h"

#include <limits>

#include "kdqat/base/error.h"

namespace kdqat::report {

std::vector<Point> points_of(const nlohmann::json& values) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i].is_null()) points.push_back({static_cast<double>(i), values[i].get<double>()});
  }
  return points;
}

std::vector<std::string> head_labels(const nlohmann::json& document) {
  std::vector<std::string> labels;
  for (std::int64_t layer = 0; layer < document.at("layers").get<std::int64_t>(); ++layer) {
    for (std::int64_t head = 0; head < document.at("heads").get<std::int64_t>(); ++head) {
      labels.push_back(base::concat('L', layer, " H", head));
    }
  }
  return labels;
}

std::vector<std::string> number_labels(std::size_t count) {
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < count; ++i) labels.push_back(std::to_string(i));
  return labels;
}

std::vector<double> values_of(const nlohmann::json& values) {
  std::vector<double> numbers;
  for (const nlohmann::json& value : values) {
    numbers.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
  }
  return numbers;
}

LineChart chart_of_heads(const nlohmann::json& document, const std::string& y_title) {
  return {.x_title = "layer and head",
          .y_title = y_title,
          .from_zero = true,
          .points = true,
          .whole_numbers = true,
          .x_labels = head_labels(document),
          .colour_names = model_names(document),
          .link = "heads",
          .height = 220};
}

std::vector<std::string> student_names(const nlohmann::json& document) {
  std::vector<std::string> names;
  if (!document.contains("students")) return names;
  for (const auto& [name, result] : document.at("students").items()) names.push_back(name);
  return names;
}

std::vector<std::string> model_names(const nlohmann::json& document) {
  std::vector<std::string> names = student_names(document);
  names.insert(names.begin(), "teacher");
  return names;
}

}  // namespace kdqat::report
