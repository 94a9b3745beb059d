#pragma once

#include <gtest/gtest.h>

#include <vector>

namespace kdqat::kernels {

/// Holds a gradient in float32 to the central differences of `function`, which reads `point`, in double.
template <typename Function>
void expect_central_differences(const std::vector<float>& gradient, std::vector<double>& point,
                                double tolerance, const Function& function) {
  constexpr double kStep = 1e-5;  // truncation near its square, cancellation near 1e-15 / 1e-5
  for (std::size_t i = 0; i < point.size(); ++i) {
    const double before = point[i];
    point[i] = before + kStep;
    const double above = function();
    point[i] = before - kStep;
    const double below = function();
    point[i] = before;
    EXPECT_NEAR(static_cast<double>(gradient[i]), (above - below) / (2.0 * kStep), tolerance)
        << "element " << i;
  }
}

}  // namespace kdqat::kernels
