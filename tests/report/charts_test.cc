#include "kdqat/report/charts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "kdqat/base/error.h"

namespace kdqat::report {
namespace {

using base::InvalidArgument;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// The values of one data set of a specification.
json values(const json& specification, const std::string& name) {
  for (const json& data : specification.at("data")) {
    if (data.at("name") == name) return data.at("values");
  }
  ADD_FAILURE() << "no data named " << name;
  return nullptr;
}

json scale(const json& specification, const std::string& name) {
  for (const json& one : specification.at("scales")) {
    if (one.at("name") == name) return one;
  }
  ADD_FAILURE() << "no scale named " << name;
  return nullptr;
}

LineChart two_losses() {
  return {
      .x_title = "step",
      .y_title = "loss",
      .series = {{.name = "total", .points = {{1, 2.0}, {2, 1.0}}}, {.name = "logit", .points = {{1, 0.5}}}}};
}

TEST(LineChartTest, HoldsEveryPointWithItsSeries) {
  const json specification = line_chart(two_losses());
  EXPECT_EQ(
      values(specification, "points"),
      json::parse(R"([{"x": 1, "y": 2, "i": 0}, {"x": 2, "y": 1, "i": 0}, {"x": 1, "y": 0.5, "i": 1}])"));
  EXPECT_EQ(values(specification, "series")[1].at("name"), "logit");
  EXPECT_EQ(scale(specification, "colour").at("domain"), json({"total", "logit"}));
  EXPECT_EQ(specification.at("legends").size(), 1U);
}

TEST(LineChartTest, LogarithmicAxisLeavesOutWhatHasNoLogarithm) {
  LineChart chart = two_losses();
  chart.series[1].points = {{1, 0.0}, {2, -1.0}, {3, 4.0}};
  chart.logarithmic = true;
  const json specification = line_chart(chart);
  EXPECT_EQ(values(specification, "points").size(), 3U);
  EXPECT_EQ(scale(specification, "y").at("type"), "log");
}

TEST(LineChartTest, LinearAxisBeginsAtZeroOnlyIfAsked) {
  LineChart chart = two_losses();
  EXPECT_EQ(scale(line_chart(chart), "y").at("zero"), false);
  chart.from_zero = true;
  EXPECT_EQ(scale(line_chart(chart), "y").at("zero"), true);
}

TEST(LineChartTest, VariantsOfOneNameShareItsColour) {
  LineChart chart = two_losses();
  chart.series = {{.name = "query", .points = {{0, 1}}},
                  {.name = "query", .points = {{0, 2}}, .style = Style::kHollow, .variant = "start"}};
  const json specification = line_chart(chart);
  EXPECT_EQ(scale(specification, "colour").at("domain"), json({"query"}));
  const json series = values(specification, "series");
  EXPECT_EQ(series[1].at("shown"), "query, start");
  EXPECT_EQ(series[1].at("style"), "hollow");
}

TEST(LineChartTest, OrderedSeriesAreColouredAlongTheRamp) {
  LineChart chart = two_losses();
  chart.ordered = true;
  const json specification = line_chart(chart);
  EXPECT_EQ(scale(specification, "colour").at("range"), "ramp");
  EXPECT_EQ(scale(specification, "colour").at("domain"), json({0, 1}));
}

TEST(LineChartTest, LonePointsGetADotSinceALineNeedsTwo) {
  LineChart chart = two_losses();
  const auto dots = [&] { return line_chart(chart).at("data").back(); };
  EXPECT_TRUE(dots().contains("transform"));  // filtered away
  chart.series[0].points.resize(1);
  EXPECT_FALSE(dots().contains("transform"));
}

TEST(LineChartTest, MarkCarriesItsLabel) {
  LineChart chart = two_losses();
  EXPECT_TRUE(values(line_chart(chart), "mark").empty());
  chart.mark = {{2, 1.0}, "best 1.0"};
  EXPECT_EQ(values(line_chart(chart), "mark"), json::parse(R"([{"x": 2, "y": 1, "label": "best 1.0"}])"));
}

TEST(LineChartTest, RejectsAChartOfNothing) {
  EXPECT_THAT(
      [] { line_chart({}); },
      ThrowsMessage<InvalidArgument>(HasSubstr("series of a line chart: expected at least one, found none")));
}

TEST(FitsLogarithmicTest, NeedsTwoDecadesOfPositiveValues) {
  const auto fits = [](const std::vector<Point>& points) {
    return fits_logarithmic({{.name = "loss", .points = points}});
  };
  EXPECT_TRUE(fits({{1, 2.0}, {2, 0.02}}));
  EXPECT_FALSE(fits({{1, 2.0}, {2, 0.0201}}));
  EXPECT_FALSE(fits({{1, 2.0}, {2, 0.0}}));
  EXPECT_FALSE(fits({{1, 2.0}, {2, -5.0}}));
  EXPECT_FALSE(fits({}));
}

TEST(ShareChartTest, StacksThePartsOfEachBar) {
  const json specification =
      share_chart({.x_title = "layer",
                   .parts = {"-1", "0", "+1"},
                   .bars = {{"query", "0", {0.25, 0.5, 0.25}}, {"key", "0", {0.5, 0.5, 0.0}}}});
  const json shares = values(specification, "shares");
  ASSERT_EQ(shares.size(), 6U);
  EXPECT_EQ(shares[1].at("from"), 0.25);
  EXPECT_EQ(shares[1].at("to"), 0.75);
  EXPECT_EQ(shares[2].at("to"), 1.0);
  EXPECT_EQ(shares[3].at("from"), 0.0);  // the next bar begins anew
  EXPECT_EQ(shares[0].at("tooltip").at("title"), "query, layer 0");
  EXPECT_EQ(shares[0].at("tooltip").at("rows")[0], json({{"name", "+1"}, {"text", "25.0 %"}}));
  EXPECT_EQ(scale(specification, "row").at("domain"), json({"query", "key"}));
  EXPECT_EQ(scale(specification, "x").at("domain"), json({"0"}));
}

HeatMap two_by_three() {
  return {.x_title = "head",
          .y_title = "layer",
          .value_title = "difference",
          .row_labels = {"0", "1"},
          .column_labels = {"0", "1", "2"},
          .matrices = {{.panel = "map", .values = {1, 2, 3, 4, std::nan(""), 6}}}};
}

TEST(HeatMapTest, KeepsValuesByPanelAndLeavesOutWhatIsNoNumber) {
  const json specification = heat_map(two_by_three());
  const json rows = values(specification, "matrices");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].at("panel"), "map");
  EXPECT_EQ(rows[0].at("values"), json::parse("[1.0, 2.0, 3.0, 4.0, null, 6.0]"));
  EXPECT_FALSE(specification.contains("usermeta"));
}

TEST(HeatMapTest, HasSlidersWhereThereIsAChoice) {
  HeatMap map = two_by_three();
  map.layers = 2;
  map.layer = 1;
  map.matrices[0].layer = 1;
  const json specification = heat_map(map);
  for (const json& signal : specification.at("signals")) {
    if (signal.at("name") == "layer") {
      EXPECT_EQ(signal.at("value"), 1);
      EXPECT_EQ(signal.at("bind").at("max"), 1);
    }
    if (signal.at("name") == "head") {
      EXPECT_FALSE(signal.contains("bind"));
    }
    if (signal.at("name") == "panel_count") {
      EXPECT_EQ(signal.at("value"), 1);
    }
  }
  EXPECT_EQ(specification.at("usermeta").at("signals"), json::parse(R"(["layer", "head"])"));
}

TEST(HeatMapTest, RejectsNoneAndThoseOfAnotherSize) {
  HeatMap map = two_by_three();
  map.matrices[0].values.pop_back();
  EXPECT_THAT([&] { heat_map(map); },
              ThrowsMessage<InvalidArgument>("matrix of a heat map: expected 2 x 3 values, found 5"));
  EXPECT_THAT([] { heat_map({}); },
              ThrowsMessage<InvalidArgument>("matrices of a heat map: expected at least one, found none"));
}

TEST(SpreadChartTest, HasADotAValueAndTheDeviationToBothSidesOfTheMean) {
  const json specification = spread_chart(
      {.x_title = "accuracy",
       .groups = {{.name = "map",
                   .values = {{.name = "seed 42", .value = 0.5}, {.name = "seed 52", .value = 0.25}},
                   .mean = 0.375,
                   .deviation = 0.125},
                  {.name = "teacher", .values = {{.name = "seed 42", .value = 0.75}}, .mean = 0.75}},
       .row_height = 20});
  EXPECT_EQ(specification.at("height"), 40);
  const json groups = values(specification, "groups");
  EXPECT_EQ(groups[0].at("low"), 0.25);
  EXPECT_EQ(groups[0].at("high"), 0.5);
  EXPECT_EQ(groups[1].at("low"), 0.75);
  EXPECT_EQ(groups[0].at("tooltip").at("rows"), json::parse(R"([{"name": "mean", "text": "0.375"},
      {"name": "deviation", "text": "0.125"}, {"name": "seed 42", "text": "0.5"}, {"name": "seed 52", "text": "0.25"}])"));
  EXPECT_EQ(values(specification, "values").size(), 3U);
  EXPECT_EQ(values(specification, "values")[2], json::parse(R"({"name": "teacher", "x": 0.75})"));
}

TEST(SpreadChartTest, RejectsNone) {
  EXPECT_THAT([] { spread_chart({}); },
              ThrowsMessage<InvalidArgument>("groups of a spread chart: expected at least one, found none"));
}

TEST(LineChartTest, ColoursGoByTheNamesThatAreGiven) {
  LineChart chart = two_losses();
  chart.colour_names = {"teacher", "total", "logit"};
  const json specification = line_chart(chart);
  EXPECT_EQ(scale(specification, "colour").at("domain"), json(chart.colour_names));
  EXPECT_EQ(specification.at("legends")[0].at("values"), json::parse(R"(["total", "logit"])"));
}

TEST(LineChartTest, LinkedChartsShareThePointersPlace) {
  LineChart chart = two_losses();
  EXPECT_FALSE(line_chart(chart).contains("usermeta"));
  chart.link = "heads";
  EXPECT_EQ(line_chart(chart).at("usermeta"), json::parse(R"({"link": "heads", "signals": ["pointer"]})"));
}

}  // namespace
}  // namespace kdqat::report
