#include <cmath>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/report/assets.h"
#include "kdqat/report/charts.h"
#include "kdqat/report/numbers.h"

namespace kdqat::report {
namespace {

using base::concat;
using base::InvalidArgument;
using nlohmann::json;

constexpr double kPixelsALetter = 6.5;

json matrix_data(const HeatMap& map) {
  const std::size_t size = map.row_labels.size() * map.column_labels.size();
  json rows = json::array();
  for (const Matrix& matrix : map.matrices) {
    if (matrix.values.size() != size) {
      throw InvalidArgument(concat("matrix of a heat map: expected ", map.row_labels.size(), " x ",
                                   map.column_labels.size(), " values, found ", matrix.values.size()));
    }
    json values = json::array();
    for (const double value : matrix.values) {
      values.push_back(std::isnan(value) ? json() : json(drawn_value(value)));
    }
    rows.push_back({{"panel", matrix.panel},
                    {"layer", matrix.layer},
                    {"head", matrix.head},
                    {"values", std::move(values)}});
  }
  return rows;
}

std::size_t count_panels(const HeatMap& map) {
  std::size_t count = 0;
  for (const Matrix& matrix : map.matrices) {
    if (matrix.layer == map.layer && matrix.head == map.head) ++count;
  }
  return count;
}

double widest(const std::vector<std::string>& labels) {
  std::size_t most = 0;
  for (const std::string& label : labels) most = std::max(most, label.size());
  return kPixelsALetter * static_cast<double>(most);
}

void set_choice(json& signal, int first, int count) {
  signal["value"] = first;
  if (count > 1) signal["bind"] = {{"input", "range"}, {"min", 0}, {"max", count - 1}, {"step", 1}};
}

}  // namespace

nlohmann::json heat_map(const HeatMap& map) {
  if (map.matrices.empty())
    throw InvalidArgument("matrices of a heat map: expected at least one, found none");
  json specification = json::parse(kHeatMap);
  specification["data"][0]["values"] = matrix_data(map);
  json& signals = specification["signals"];
  set_choice(signals[3], map.layer, map.layers);
  set_choice(signals[4], map.head, map.heads);
  const json constants = {{"panel_count", count_panels(map)},
                          {"rows", map.row_labels.size()},
                          {"columns", map.column_labels.size()},
                          {"row_labels", map.row_labels},
                          {"column_labels", map.column_labels},
                          {"label_width", widest(map.row_labels)},
                          {"label_angle", map.upright_labels ? 0 : -90},
                          {"x_title", map.x_title},
                          {"y_title", map.y_title},
                          {"value_title", map.value_title}};
  json all = json::array();
  for (const auto& [name, value] : constants.items()) all.push_back({{"name", name}, {"value", value}});
  for (json& signal : signals) all.push_back(std::move(signal));
  signals = std::move(all);
  specification["legends"][0]["title"] = map.value_title;
  if (map.layers > 1 || map.heads > 1)
    specification["usermeta"] = {{"link", "layer and head"}, {"signals", {"layer", "head"}}};
  return specification;
}

}  // namespace kdqat::report
