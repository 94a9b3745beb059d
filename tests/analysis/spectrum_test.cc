// Eigenvalues and traces of matrices that are known.

#include "kdqat/analysis/spectrum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "kdqat/base/error.h"
#include "tests/support/tensors.h"

namespace kdqat::analysis {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Q diag(values) Q^T with a rotation Q that mixes all coordinates.
SymmetricOperator with_eigenvalues(const std::vector<double>& values) {
  const auto size = static_cast<std::int64_t>(values.size());
  const torch::Tensor random = tests::random_tensor(1, {size, size}).to(torch::kFloat64);
  const torch::Tensor rotation = std::get<0>(torch::linalg_qr(random));
  const torch::Tensor matrix = torch::matmul(rotation * torch::tensor(values, torch::kFloat64), rotation.t());
  return {.size = size, .multiply = [matrix](const torch::Tensor& v) { return torch::mv(matrix, v); }};
}

std::vector<double> spread_values() {
  std::vector<double> values(60);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.01 * static_cast<double>(i);
  values[3] = 9.0;
  values[5] = -7.0;
  values[20] = 4.0;
  return values;
}

TEST(PowerIterationTest, FindsTheGreatestInMagnitudeWithTheirSigns) {
  const std::vector<PowerEigenvalue> found = power_iteration(
      with_eigenvalues(spread_values()), {.max_iterations = 500, .relative_tolerance = 1e-12});
  ASSERT_EQ(found.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(found[i].value, (std::vector{9.0, -7.0, 4.0})[i], 1e-6);
    EXPECT_TRUE(found[i].converged);
  }
}

TEST(PowerIterationTest, StopsWhereItIsTold) {
  int products = 0;
  const std::vector<PowerEigenvalue> found = power_iteration(
      with_eigenvalues(spread_values()),
      {.count = 1, .max_iterations = 3, .relative_tolerance = 0.0, .on_product = [&] { ++products; }});
  EXPECT_EQ(products, 3);
  EXPECT_EQ(found[0].iterations, 3);
  EXPECT_FALSE(found[0].converged);
}

TEST(PowerIterationTest, AMatrixOfZerosHasZeros) {
  for (const PowerEigenvalue& found : power_iteration(with_eigenvalues({0, 0, 0, 0}), {})) {
    EXPECT_EQ(found.value, 0.0);
    EXPECT_TRUE(found.converged);
  }
}

TEST(LanczosTest, FindsBothEndsOfTheSpectrum) {
  const LanczosResult result = lanczos(with_eigenvalues(spread_values()), {.largest = 2, .smallest = 1});
  EXPECT_TRUE(result.converged);
  EXPECT_NEAR(result.ritz_values.back(), 9.0, 1e-9);
  EXPECT_NEAR(result.ritz_values[result.ritz_values.size() - 2], 4.0, 1e-9);
  EXPECT_NEAR(result.ritz_values.front(), -7.0, 1e-9);
  EXPECT_LT(result.steps, 60);
  EXPECT_NEAR(std::accumulate(result.weights.begin(), result.weights.end(), 0.0), 1.0, 1e-12);
}

TEST(LanczosTest, ReorthogonalisationKeepsCopiesOut) {
  // All 60 steps: without it, the values that converge first would come back again and again.
  const LanczosResult result =
      lanczos(with_eigenvalues(spread_values()), {.largest = 0, .smallest = 0, .max_steps = 100});
  std::vector<double> expected = spread_values();
  std::sort(expected.begin(), expected.end());
  ASSERT_EQ(result.ritz_values.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(result.ritz_values[i], expected[i], 1e-9);
}

TEST(LanczosTest, EndsWhereTheVectorsAreExhausted) {
  const LanczosResult result = lanczos(with_eigenvalues(std::vector<double>(10, 3.0)), {});
  EXPECT_EQ(result.steps, 1);
  EXPECT_NEAR(result.ritz_values[0], 3.0, 1e-12);
}

TEST(TraceTest, TheDiagonalsSumIsExactAndHutchinsonsIsWithinItsError) {
  const std::vector<double> values = spread_values();
  const double trace = std::accumulate(values.begin(), values.end(), 0.0);
  EXPECT_NEAR(exact_trace(with_eigenvalues(values)), trace, 1e-9);
  const Estimate estimate = hutchinson_trace(with_eigenvalues(values), 400, 42);
  EXPECT_EQ(estimate.samples, 400);
  // sqrt(2 / n) ||H - diag(H)||_F at most; four of them leave one seed in 16,000 out.
  EXPECT_LT(estimate.standard_error, std::sqrt(2.0 / 400) * 12.5);
  EXPECT_NEAR(estimate.value, trace, 4 * estimate.standard_error);
}

TEST(SpectrumTest, TheDenseSpectrumIsTheMatrixs) {
  const std::vector<double> found = exact_spectrum(with_eigenvalues({2.0, -1.0, 0.5}));
  EXPECT_NEAR(found[0], -1.0, 1e-12);
  EXPECT_NEAR(found[1], 0.5, 1e-12);
  EXPECT_NEAR(found[2], 2.0, 1e-12);
}

TEST(LanczosTest, WeightsOfTheRitzValuesAddUpToOne) {
  const LanczosResult run =
      lanczos(with_eigenvalues(spread_values()), {.largest = 0, .smallest = 0, .max_steps = 20});
  EXPECT_NEAR(std::accumulate(run.weights.begin(), run.weights.end(), 0.0), 1.0, 1e-12);
}

TEST(SpectrumTest, SettingsThatMakeNoSenseAreRefused) {
  const SymmetricOperator two = with_eigenvalues({1.0, 2.0});
  EXPECT_THAT([&] { power_iteration(two, {.count = 3}); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("at least 3 rows, found 2")));
  EXPECT_THAT([&] { power_iteration(two, {.count = 0}); },
              ThrowsMessage<base::InvalidArgument>("eigenvalues: expected at least 1, found 0"));
  EXPECT_THAT([&] { lanczos(two, {.max_steps = 0}); },
              ThrowsMessage<base::InvalidArgument>("Lanczos: expected at least 1 step, found 0"));
  EXPECT_THAT([&] { hutchinson_trace(two, 1, 0); },
              ThrowsMessage<base::InvalidArgument>("samples of a trace: expected at least 2, found 1"));
  const SymmetricOperator broken = {.size = 2,
                                    .multiply = [](const torch::Tensor& v) { return v * std::nan(""); }};
  EXPECT_THAT([&] { lanczos(broken, {}); },
              ThrowsMessage<base::NumericError>(HasSubstr("step 0: expected finite products, found nan")));
}

}  // namespace
}  // namespace kdqat::analysis
