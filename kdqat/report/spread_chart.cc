#include "kdqat/base/error.h"
#include "kdqat/report/assets.h"
#include "kdqat/report/charts.h"
#include "kdqat/report/numbers.h"

namespace kdqat::report {
namespace {

using nlohmann::json;

constexpr int kShownDigits = 4;

json spread_tooltip(const Spread& group) {
  json rows = json::array({{{"name", "mean"}, {"text", significant(group.mean, kShownDigits)}}});
  if (group.deviation) {
    rows.push_back({{"name", "deviation"}, {"text", significant(*group.deviation, kShownDigits)}});
  }
  for (const SpreadValue& value : group.values) {
    rows.push_back({{"name", value.name}, {"text", significant(value.value, kShownDigits)}});
  }
  return {{"title", group.name}, {"rows", std::move(rows)}};
}

}  // namespace

nlohmann::json spread_chart(const SpreadChart& chart) {
  if (chart.groups.empty())
    throw base::InvalidArgument("groups of a spread chart: expected at least one, found none");
  json groups = json::array();
  json values = json::array();
  for (const Spread& group : chart.groups) {
    const double deviation = group.deviation.value_or(0.0);
    groups.push_back({{"name", group.name},
                      {"mean", drawn_value(group.mean)},
                      {"low", drawn_value(group.mean - deviation)},
                      {"high", drawn_value(group.mean + deviation)},
                      {"tooltip", spread_tooltip(group)}});
    for (const SpreadValue& value : group.values) {
      values.push_back({{"name", group.name}, {"x", drawn_value(value.value)}});
    }
  }
  json specification = json::parse(kSpreadChart);
  specification["height"] = chart.row_height * static_cast<int>(chart.groups.size());
  specification["data"][0]["values"] = std::move(groups);
  specification["data"][1]["values"] = std::move(values);
  specification["scales"][1]["domain"] = {{"fields",
                                           {{{"data", "groups"}, {"field", "low"}},
                                            {{"data", "groups"}, {"field", "high"}},
                                            {{"data", "values"}, {"field", "x"}}}}};
  specification["axes"][0]["title"] = chart.x_title;
  return specification;
}

}  // namespace kdqat::report
