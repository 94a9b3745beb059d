#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "kdqat/base/random.h"

/// Tensors to test with, and how close two of them are.
namespace kdqat::tests {

/// Half of a float's last place, relative to the float: the error of one rounding.
inline constexpr double kRounding = 0x1p-24;

/// Float32, uniform on [low, high), the same on every machine.
inline torch::Tensor random_tensor(std::uint64_t seed, const std::vector<std::int64_t>& shape,
                                   double low = -1.0, double high = 1.0) {
  torch::Tensor out = torch::empty(shape, torch::kFloat32);
  base::Random random(seed);
  float* values = out.data_ptr<float>();
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    values[i] = static_cast<float>(low + (high - low) * random.uniform());
  }
  return out;
}

/// The gradient of a parameter as a dense tensor; zeros where there is none.
inline torch::Tensor dense_gradient(const torch::Tensor& parameter) {
  const torch::Tensor& gradient = parameter.grad();
  if (!gradient.defined()) return torch::zeros_like(parameter);
  return gradient.is_sparse() ? gradient.to_dense() : gradient;
}

/// |actual - expected| <= tolerance, element by element; computed in double.
inline ::testing::AssertionResult all_within(const torch::Tensor& actual, const torch::Tensor& expected,
                                             const torch::Tensor& tolerance) {
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure()
           << "expected shape " << expected.sizes() << ", found " << actual.sizes();
  }
  const torch::NoGradGuard no_grad;
  const torch::Tensor difference = (actual.to(torch::kFloat64) - expected.to(torch::kFloat64)).abs();
  const torch::Tensor wrong = difference.le(tolerance.to(torch::kFloat64)).logical_not();  // NaN is wrong
  const auto count = wrong.sum().item<std::int64_t>();
  if (count == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << count << " of " << actual.numel() << " elements differ by more than the "
         << "tolerance, the largest difference is " << difference.max().item<double>();
}

inline ::testing::AssertionResult all_within(const torch::Tensor& actual, const torch::Tensor& expected,
                                             double tolerance) {
  return all_within(actual, expected, torch::full({}, tolerance, torch::kFloat64));
}

/// The same shape, dtype and values; NaN equals nothing.
inline ::testing::AssertionResult same(const torch::Tensor& actual, const torch::Tensor& expected) {
  if (actual.scalar_type() != expected.scalar_type()) {
    return ::testing::AssertionFailure()
           << "expected " << expected.scalar_type() << ", found " << actual.scalar_type();
  }
  if (actual.sizes() == expected.sizes() && torch::equal(actual, expected))
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "expected " << expected << ", found " << actual;
}

}  // namespace kdqat::tests
