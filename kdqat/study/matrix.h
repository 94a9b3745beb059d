#pragma once

#include <string>
#include <utility>
#include <vector>

namespace kdqat::study {

/// An option and the values that it takes in turn.
struct MatrixAxis {
  std::string option;  ///< without hyphens in front: "weight-bits"
  std::vector<std::string> values;
};

/// One combination of the values of all axes.
struct MatrixPoint {
  std::string name;  ///< "map+weight-bits=4": of the objective the value alone, of others option=value
  std::vector<std::pair<std::string, std::string>> settings;  ///< options and values in the order of the axes
};

/// Every combination once; the last axis changes fastest. None where there is no axis. Throws InvalidArgument
/// for an axis without values.
std::vector<MatrixPoint> expand_matrix(const std::vector<MatrixAxis>& axes);

}  // namespace kdqat::study
