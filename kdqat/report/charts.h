#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kdqat/report/series.h"

// Charts for a page:
//
//   const LineChart chart{.title = "Loss", .x_title = "step",
//                         .series = {{.name = "total", .points = {{0, 2.1}, {10, 1.7}}}}};
//   page.add_figure({.specification = line_chart(chart), .caption = "Loss by step"});

namespace kdqat::report {

/// One highlighted point with a short label.
struct Mark {
  Point point;
  std::string label;
};

struct LineChart {
  std::string title = {};  ///< above the chart; empty: no title
  std::string x_title = {};
  std::string y_title = {};
  std::vector<Series> series = {};
  bool ordered = false;         ///< the series have an order, such as layers: coloured along one ramp
  bool logarithmic = false;     ///< logarithmic y axis; points with y <= 0 are left out
  bool from_zero = false;       ///< a linear y axis includes 0
  bool points = false;          ///< a dot at every point; else only for a series of one point
  bool whole_numbers = false;   ///< x is a whole number, such as a layer: no ticks between
  std::string x_format = ",d";  ///< D3's format of x (https://d3js.org/d3-format)
  std::vector<std::string> x_labels = {};      ///< names of x = 0, 1, 2 ... instead of the numbers
  std::vector<std::string> colour_names = {};  ///< names of series in the order of the colours, so that
                                               ///< charts agree; empty: the order of `series`
  std::string link = {};  ///< charts with the same link show their values at the same x together
  int height = 260;       ///< pixels of the plot
  std::optional<Mark> mark = {};
};

/// Lines over a common x. The pointer shows the values of all series at the nearest x. Throws InvalidArgument
/// if there is no series.
nlohmann::json line_chart(const LineChart& chart);

/// Whether these series need a logarithmic y axis: all values are positive, and the greatest is at least a
/// hundred times the least.
bool fits_logarithmic(const std::vector<Series>& series);

/// One bar: shares that add up to 1.
struct Shares {
  std::string row;     ///< the row of bars that it belongs to
  std::string column;  ///< its place on the x axis
  std::array<double, 3> parts = {};
};

struct ShareChart {
  std::string x_title = {};
  std::array<std::string, 3> parts = {};  ///< names from a bar's bottom to its top; the middle is neutral
  std::vector<Shares> bars = {};          ///< rows and columns appear in the order of their first bar
  int row_height = 84;                    ///< pixels
};

/// Rows of stacked bars over a common x axis.
nlohmann::json share_chart(const ShareChart& chart);

struct SpreadValue {
  std::string name;  ///< the run that gave the value, shown by the pointer: "seed 42"
  double value = 0.0;
};

/// Repeated values of one quantity, such as a score over seeds.
struct Spread {
  std::string name;
  std::vector<SpreadValue> values = {};
  double mean = 0.0;
  std::optional<double> deviation = {};  ///< drawn to both sides of the mean
};

struct SpreadChart {
  std::string x_title = {};
  std::vector<Spread> groups = {};  ///< from top to bottom
  int row_height = 30;              ///< pixels
};

/// Rows of dots over a common axis, with the mean and deviation of each row. Throws InvalidArgument if there
/// is no group.
nlohmann::json spread_chart(const SpreadChart& chart);

/// One matrix, row by row; NaN is not drawn. If a panel has several, layer and head choose one.
struct Matrix {
  std::string panel;
  std::vector<double> values = {};
  int layer = 0;
  int head = 0;
};

struct HeatMap {
  std::string x_title = {};
  std::string y_title = {};
  std::string value_title = {};
  std::vector<std::string> row_labels = {};
  std::vector<std::string> column_labels = {};
  std::vector<Matrix> matrices = {};
  int layers =
      1;  ///< with more than one layer or head the page has sliders to choose them, common to all such
  int heads = 1;  ///< maps of the page
  int layer = 0;  ///< shown at first
  int head = 0;
  bool upright_labels = true;  ///< labels of the columns are upright; else rotated
};

/// Matrices as coloured squares, one panel each, side by side. Throws InvalidArgument if there is no matrix,
/// or if the size of one does not fit the labels.
nlohmann::json heat_map(const HeatMap& map);

}  // namespace kdqat::report
