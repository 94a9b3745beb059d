#pragma once

#include <cstddef>
#include <string>
#include <vector>

// Points for a chart:
//
//   const Series loss{.name = "loss", .points = running_mean(points, 20)};

namespace kdqat::report {

struct Point {
  double x = 0.0;
  double y = 0.0;

  bool operator==(const Point&) const = default;
};

enum class Style {
  kSolid,
  kHollow,  ///< dashed line, empty dots
  kFaint,   ///< a background for other series; the pointer does not show its values
};

/// Points in the order of x, such as one loss over the steps of a run.
struct Series {
  std::string name;
  std::vector<Point> points = {};
  Style style = Style::kSolid;
  std::string variant = {};  ///< distinguishes series of the same name, which have the same colour
};

/// Smooths a noisy series: replaces each y by the mean of the `window` points around it (fewer at both ends).
/// Throws InvalidArgument if window < 1.
std::vector<Point> running_mean(const std::vector<Point>& points, std::size_t window);

/// At most `limit` of the points, in their order: the first, the last, and the lowest and highest of each of
/// equally long stretches between them. So their chart has the outline of the chart of all points. Throws
/// InvalidArgument if limit < 4.
std::vector<Point> thin(const std::vector<Point>& points, std::size_t limit);

}  // namespace kdqat::report
