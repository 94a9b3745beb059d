#include "kdqat/report/density.h"

#include <cmath>
#include <numbers>

namespace kdqat::report {

std::vector<double> spectral_density(const std::vector<WeightedValues>& runs, const std::vector<double>& at,
                                     double width) {
  std::vector<double> density(at.size(), 0.0);
  const double height = 1.0 / (width * std::sqrt(2.0 * std::numbers::pi) * static_cast<double>(runs.size()));
  for (const WeightedValues& run : runs) {
    for (std::size_t i = 0; i < run.values.size(); ++i) {
      for (std::size_t x = 0; x < at.size(); ++x) {
        const double distance = (at[x] - run.values[i]) / width;
        density[x] += height * run.weights[i] * std::exp(-distance * distance / 2);
      }
    }
  }
  return density;
}

}  // namespace kdqat::report
