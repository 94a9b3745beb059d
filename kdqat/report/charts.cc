#include "kdqat/report/charts.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/report/assets.h"
#include "kdqat/report/numbers.h"

namespace kdqat::report {
namespace {

using base::concat;
using base::InvalidArgument;
using nlohmann::json;

constexpr double kLogarithmicFrom = 100.0;  // the greatest value over the least: two decades

constexpr std::string_view kLegend = R"vega({
  "orient": "top", "direction": "horizontal", "stroke": "colour", "symbolType": "stroke",
  "columns": {"signal": "max(1, floor(page_width / 150))"}, "columnPadding": 18, "rowPadding": 3, "offset": 10
})vega";

constexpr std::string_view kRampLegend = R"vega({
  "orient": "top", "direction": "horizontal", "fill": "colour", "type": "gradient", "gradientThickness": 8,
  "gradientLength": {"signal": "min(220, page_width / 2)"}, "offset": 10,
  "encode": {"labels": {"update": {"text": {"signal": "data('series')[datum.value].shown"}}}}
})vega";

void append_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

const char* style_name(Style style) {
  switch (style) {
    case Style::kSolid:
      return "solid";
    case Style::kHollow:
      return "hollow";
    case Style::kFaint:
      return "faint";
  }
  return "";
}

std::size_t longest(const std::vector<Series>& series) {
  std::size_t most = 0;
  for (const Series& one : series) most = std::max(most, one.points.size());
  return most;
}

json series_data(const std::vector<Series>& series) {
  json rows = json::array();
  for (std::size_t i = 0; i < series.size(); ++i) {
    const Series& one = series[i];
    rows.push_back({{"i", i},
                    {"name", one.name},
                    {"shown", one.variant.empty() ? one.name : concat(one.name, ", ", one.variant)},
                    {"style", style_name(one.style)}});
  }
  return rows;
}

json point_data(const LineChart& chart) {
  json rows = json::array();
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    for (const Point& point : chart.series[i].points) {
      if (chart.logarithmic && point.y <= 0.0) continue;
      rows.push_back({{"x", point.x}, {"y", drawn_value(point.y)}, {"i", i}});
    }
  }
  return rows;
}

void set_colours(const LineChart& chart, json& specification) {
  json& scale = specification["scales"][2];
  if (chart.ordered) {
    scale.update({{"type", "sequential"}, {"range", "ramp"}, {"domain", {0, chart.series.size() - 1}}});
    json legend = json::parse(kRampLegend);
    legend["values"] = {0, chart.series.size() - 1};
    specification["legends"].push_back(std::move(legend));
    return;
  }
  std::vector<std::string> names;
  for (const Series& series : chart.series) append_once(names, series.name);
  scale.update({{"type", "ordinal"},
                {"range", "category"},
                {"domain", chart.colour_names.empty() ? names : chart.colour_names}});
  if (names.size() > 1 || !chart.colour_names.empty()) {
    json legend = json::parse(kLegend);
    legend["values"] = names;
    specification["legends"].push_back(std::move(legend));
  } else {
    scale["range"] = json::array({{{"signal", "accent"}}});
  }
}

}  // namespace

nlohmann::json line_chart(const LineChart& chart) {
  if (chart.series.empty())
    throw InvalidArgument("series of a line chart: expected at least one, found none");
  json specification = json::parse(kLineChart);
  specification["height"] = chart.height;
  specification["signals"].push_back({{"name", "x_title"}, {"value", chart.x_title}});
  specification["signals"].push_back({{"name", "colour_field"}, {"value", chart.ordered ? "i" : "name"}});
  specification["signals"].push_back({{"name", "x_format"}, {"value", chart.x_format}});
  specification["signals"].push_back(
      {{"name", "x_labels"}, {"value", chart.x_labels.empty() ? json() : json(chart.x_labels)}});
  if (!chart.link.empty()) specification["usermeta"] = {{"link", chart.link}, {"signals", {"pointer"}}};
  if (!chart.title.empty()) specification["title"] = {{"text", chart.title}};

  json& data = specification["data"];
  data[0]["values"] = series_data(chart.series);
  data[1]["values"] = point_data(chart);
  if (chart.mark) {
    const Mark& mark = *chart.mark;
    specification["padding"]["top"] = 24;  // room for the label of a mark at the top
    data[5]["values"].push_back(
        {{"x", mark.point.x}, {"y", drawn_value(mark.point.y)}, {"label", mark.label}});
  }
  data.push_back({{"name", "dots"}, {"source", "points"}});
  if (!chart.points && longest(chart.series) > 1)
    data.back()["transform"] = {{{"type", "filter"}, {"expr", "false"}}};

  json& y_scale = specification["scales"][1];
  y_scale["type"] = chart.logarithmic ? "log" : "linear";
  if (!chart.logarithmic) y_scale["zero"] = chart.from_zero;
  json& axes = specification["axes"];
  axes[0]["title"] = chart.y_title;
  axes[1]["title"] = chart.x_title;
  if (chart.points)
    specification["scales"][0]["padding"] = 8;  // pixels, so that no dot covers an axis's label
  if (chart.whole_numbers) axes[1]["tickMinStep"] = 1;
  set_colours(chart, specification);
  return specification;
}

bool fits_logarithmic(const std::vector<Series>& series) {
  double least = std::numeric_limits<double>::infinity();
  double greatest = 0.0;
  for (const Series& one : series) {
    for (const Point& point : one.points) {
      least = std::min(least, point.y);
      greatest = std::max(greatest, point.y);
    }
  }
  return least > 0.0 && greatest >= kLogarithmicFrom * least;
}

nlohmann::json share_chart(const ShareChart& chart) {
  json rows = json::array();
  std::vector<std::string> row_names;
  std::vector<std::string> column_names;
  for (const Shares& bar : chart.bars) {
    append_once(row_names, bar.row);
    append_once(column_names, bar.column);
    json tooltip = {{"title", concat(bar.row, ", ", chart.x_title, ' ', bar.column)},
                    {"rows", json::array()}};
    for (std::size_t part = bar.parts.size(); part-- > 0;) {
      tooltip["rows"].push_back(
          {{"name", chart.parts[part]}, {"text", fixed(100.0 * bar.parts[part], 1) + " %"}});
    }
    double from = 0.0;
    for (std::size_t part = 0; part < bar.parts.size(); ++part) {
      const double to = from + bar.parts[part];
      rows.push_back({{"row", bar.row},
                      {"column", bar.column},
                      {"part", chart.parts[part]},
                      {"from", drawn_value(from)},
                      {"to", drawn_value(to)},
                      {"tooltip", tooltip}});
      from = to;
    }
  }
  json specification = json::parse(kShareChart);
  specification["height"] = chart.row_height * static_cast<int>(row_names.size());
  specification["data"][0]["values"] = std::move(rows);
  specification["scales"][0]["domain"] = row_names;
  specification["scales"][1]["domain"] = column_names;
  specification["scales"][2]["domain"] = chart.parts;
  specification["axes"][0]["title"] = chart.x_title;
  return specification;
}

}  // namespace kdqat::report
