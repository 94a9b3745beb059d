#include "kdqat/study/matrix.h"

#include "kdqat/base/error.h"

namespace kdqat::study {
namespace {

std::string name_of_point(const std::vector<std::pair<std::string, std::string>>& settings) {
  std::string name;
  for (const auto& [option, value] : settings) {
    if (!name.empty()) name += '+';
    if (option != "objective") name += option + '=';
    name += value;
  }
  return name;
}

}  // namespace

std::vector<MatrixPoint> expand_matrix(const std::vector<MatrixAxis>& axes) {
  if (axes.empty()) return {};
  std::vector<MatrixPoint> points(1);
  for (const MatrixAxis& axis : axes) {
    if (axis.values.empty()) {
      throw base::InvalidArgument(base::concat(axis.option, ": expected at least one value, found none"));
    }
    std::vector<MatrixPoint> longer;
    for (const MatrixPoint& point : points) {
      for (const std::string& value : axis.values) {
        longer.push_back(point);
        longer.back().settings.emplace_back(axis.option, value);
      }
    }
    points = std::move(longer);
  }
  for (MatrixPoint& point : points) point.name = name_of_point(point.settings);
  return points;
}

}  // namespace kdqat::study
