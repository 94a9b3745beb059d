#pragma once

#include <vector>

namespace kdqat::report {

/// Values and how much each counts, such as the Ritz values of a Lanczos run; the weights add up to 1.
struct WeightedValues {
  std::vector<double> values;
  std::vector<double> weights;
};

/// The density of eigenvalues by stochastic Lanczos quadrature (Ghorbani et al., 2019, arXiv:1901.10159): the
/// mean over `runs` of their values' weights, each widened to a normal distribution of deviation `width`, at
/// each of `at`. It integrates to 1.
std::vector<double> spectral_density(const std::vector<WeightedValues>& runs, const std::vector<double>& at,
                                     double width);

}  // namespace kdqat::report
