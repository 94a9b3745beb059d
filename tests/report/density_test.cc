#include "kdqat/report/density.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

namespace kdqat::report {
namespace {

TEST(DensityTest, IntegratesToOne) {
  const WeightedValues run{.values = {-3.0, 0.25, 0.5, 4.0}, .weights = {0.1, 0.2, 0.3, 0.4}};
  std::vector<double> places;
  for (int i = 0; i <= 2000; ++i) places.push_back(-10.0 + 0.01 * i);
  const std::vector<double> density = spectral_density({run, run}, places, 0.2);
  EXPECT_NEAR(0.01 * std::accumulate(density.begin(), density.end(), 0.0), 1.0, 1e-6);
}

TEST(DensityTest, IsANormalDistributionAroundAValue) {
  const std::vector<double> density =
      spectral_density({{.values = {1.0}, .weights = {1.0}}}, {1.0, 1.5, 2.0}, 0.5);
  const double peak = 1.0 / (0.5 * std::sqrt(2.0 * std::numbers::pi));
  EXPECT_NEAR(density[0], peak, 1e-15);
  EXPECT_NEAR(density[1], peak * std::exp(-0.5), 1e-15);
  EXPECT_NEAR(density[2], peak * std::exp(-2.0), 1e-15);
}

}  // namespace
}  // namespace kdqat::report
