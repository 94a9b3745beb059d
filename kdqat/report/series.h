#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace kdqat::report {

struct Point {
  double x = 0.0;
  double y = 0.0;

  bool operator==(const Point&) const = default;
};

enum class Style {
  kSolid,
  kHollow,  ///< dashed line, empty dots
  kFaint,   ///< as a background to others; the pointer does not show its values
};

/// Points in the order of x that belong together, such as one loss over the steps of a run.
struct Series {
  std::string name;
  std::vector<Point> points = {};
  Style style = Style::kSolid;
  std::string variant = {};  ///< tells it from another series of the same name, and so of the same colour
};

/// Each y replaced by the mean over the `window` points around it; fewer at both ends. What is drawn of a
/// noisy series. Throws InvalidArgument if window < 1.
std::vector<Point> running_mean(const std::vector<Point>& points, std::size_t window);

/// At most `limit` of the points, in their order: the first, the last and, of each of equally long stretches
/// between them, the lowest and the highest. So a chart of them has the outline of a chart of all.
/// Throws InvalidArgument if limit < 4.
std::vector<Point> thin(const std::vector<Point>& points, std::size_t limit);

}  // namespace kdqat::report
