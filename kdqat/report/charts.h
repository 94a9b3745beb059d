#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kdqat/report/series.h"

namespace kdqat::report {

/// One point that stands out, with a few words beside it.
struct Mark {
  Point point;
  std::string label;
};

struct LineChart {
  std::string title = {};  ///< above the chart; may be empty
  std::string x_title = {};
  std::string y_title = {};
  std::vector<Series> series = {};
  bool ordered = false;         ///< the series are steps of an order, such as layers: coloured along one ramp
  bool logarithmic = false;     ///< the y axis; points with y <= 0 are left out
  bool from_zero = false;       ///< a linear y axis begins at 0 at the latest
  bool points = false;          ///< a dot at every point, not only where there is just one
  bool whole_numbers = false;   ///< x is counted in ones, such as layers: no ticks between them
  std::string x_format = ",d";  ///< of x, as D3 has it (https://d3js.org/d3-format)
  std::vector<std::string> x_labels = {};      ///< names of x = 0, 1, 2 ... instead of the numbers
  std::vector<std::string> colour_names = {};  ///< names of series in the order of the colours, of this chart
                                               ///< and others; empty: in their own order
  std::string link = {};  ///< charts of a page with the same link show their values at the same x together
  int height = 260;       ///< pixels of the plot
  std::optional<Mark> mark = {};
};

/// Specification of lines over a common x. The pointer shows the values of all series at the nearest x.
/// Throws InvalidArgument if there is no series.
nlohmann::json line_chart(const LineChart& chart);

/// Whether a chart of these series reads better with a logarithmic y axis: all values are positive, and the
/// greatest is at least a hundred times the least.
bool fits_logarithmic(const std::vector<Series>& series);

/// How a whole is split in one place: shares that add up to 1.
struct Shares {
  std::string row;     ///< which row of bars it belongs to
  std::string column;  ///< its place on the x axis
  std::array<double, 3> parts = {};
};

struct ShareChart {
  std::string x_title = {};
  std::array<std::string, 3> parts = {};  ///< names from a bar's bottom to its top; the middle is neutral
  std::vector<Shares> bars = {};          ///< rows and columns appear in the order of their first bar
  int row_height = 84;                    ///< pixels
};

/// Specification of rows of stacked bars over a common x axis.
nlohmann::json share_chart(const ShareChart& chart);

struct SpreadValue {
  std::string name;  ///< of the run that gave it, for the pointer: "seed 42"
  double value = 0.0;
};

/// Repeated values of one thing.
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

/// Specification of rows of dots over a common axis, with the mean and deviation of each row. Throws
/// InvalidArgument if there is no group.
nlohmann::json spread_chart(const SpreadChart& chart);

/// One matrix, row by row; NaN is left out. Of several for one panel, layer and head choose.
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
      1;  ///< where more than one layer or head, the page has sliders to choose them; all such maps of
  int heads = 1;  ///< a page follow each other
  int layer = 0;  ///< shown at first
  int head = 0;
  bool upright_labels = true;  ///< of the columns; else they run upwards
};

/// Specification of matrices as coloured squares, a panel each, side by side. Throws InvalidArgument if there
/// is none, or one is not as large as the labels say.
nlohmann::json heat_map(const HeatMap& map);

}  // namespace kdqat::report
