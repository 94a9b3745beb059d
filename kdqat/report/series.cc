#include "kdqat/report/series.h"

#include <algorithm>

#include "kdqat/base/error.h"

namespace kdqat::report {

std::vector<Point> running_mean(const std::vector<Point>& points, std::size_t window) {
  if (window < 1) throw base::InvalidArgument("window of a running mean: expected at least 1, found 0");
  std::vector<double> sums(points.size() + 1, 0.0);
  for (std::size_t i = 0; i < points.size(); ++i) sums[i + 1] = sums[i] + points[i].y;

  std::vector<Point> means = points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::size_t first = i - std::min(i, (window - 1) / 2);
    const std::size_t end = std::min(points.size(), i + window / 2 + 1);
    means[i].y = (sums[end] - sums[first]) / static_cast<double>(end - first);
  }
  return means;
}

std::vector<Point> thin(const std::vector<Point>& points, std::size_t limit) {
  if (limit < 4) {
    throw base::InvalidArgument(base::concat("points to keep: expected at least 4, found ", limit));
  }
  if (points.size() <= limit) return points;

  std::vector<Point> kept;
  kept.reserve(limit);
  kept.push_back(points.front());
  const std::size_t inner = points.size() - 2;
  const std::size_t stretches = (limit - 2) / 2;
  const auto at = [&](std::size_t stretch) {
    return points.begin() + 1 + static_cast<std::ptrdiff_t>(inner * stretch / stretches);
  };
  for (std::size_t stretch = 0; stretch < stretches; ++stretch) {
    const auto [lowest, highest] = std::minmax_element(
        at(stretch), at(stretch + 1), [](const Point& left, const Point& right) { return left.y < right.y; });
    kept.push_back(*std::min(lowest, highest));
    if (lowest != highest) kept.push_back(*std::max(lowest, highest));
  }
  kept.push_back(points.back());
  return kept;
}

}  // namespace kdqat::report
