#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kdqat/report/charts.h"

namespace kdqat::report {

/// A list of numbers as a line over 0, 1, 2 ...; null leaves a gap out.
std::vector<Point> points_of(const nlohmann::json& values);

/// "L0 H0", "L0 H1" ...: places of lists that go by layer and head.
std::vector<std::string> head_labels(const nlohmann::json& document);

/// "0", "1" ... below `count`.
std::vector<std::string> number_labels(std::size_t count);

/// A list of numbers; null becomes NaN.
std::vector<double> values_of(const nlohmann::json& values);

/// A line chart over the heads, which shows its values together with the page's others.
LineChart chart_of_heads(const nlohmann::json& document, const std::string& y_title);

/// Names of the students that a document has results of.
std::vector<std::string> student_names(const nlohmann::json& document);

/// "teacher" and these: a model has the same colour in every figure.
std::vector<std::string> model_names(const nlohmann::json& document);

/// A matrix [L, H] a student, side by side; `find` gives a student's list of numbers.
template <typename Find>
HeatMap map_of_heads(const nlohmann::json& document, const std::string& value_title, const Find& find) {
  HeatMap map{.x_title = "head",
              .y_title = "layer",
              .value_title = value_title,
              .row_labels = number_labels(document.at("layers").get<std::size_t>()),
              .column_labels = number_labels(document.at("heads").get<std::size_t>())};
  for (const std::string& name : student_names(document)) {
    map.matrices.push_back({.panel = name, .values = values_of(find(document.at("students").at(name)))});
  }
  return map;
}

}  // namespace kdqat::report
