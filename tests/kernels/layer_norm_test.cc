#include "kdqat/kernels/layer_norm.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/kernels/finite_differences.h"
#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

constexpr float kUnwritten = std::numeric_limits<float>::quiet_NaN();

/// Input and parameters of a size, with dropout at 0.3 or without.
struct Problem {
  Problem(std::int64_t row_count, std::int64_t col_count, bool with_dropout)
      : rows(row_count),
        cols(col_count),
        x(random_values(1, rows * cols)),
        residual(random_values(2, rows * cols)),
        weight(random_values(3, cols)),
        bias(random_values(4, cols)) {
    if (!with_dropout) return;
    keep.resize(x.size());
    fill_dropout_mask({.seed = 5}, 0.3, rows * cols, keep.data());
  }

  Dropout dropout() const {
    return keep.empty() ? Dropout{} : Dropout{.keep = keep.data(), .factor = 1.0F / 0.7F};
  }
  LayerNormInput input() const {
    return {.rows = rows, .cols = cols, .x = x.data(), .dropout = dropout(), .residual = residual.data()};
  }
  LayerNormParameters parameters() const { return {.weight = weight.data(), .bias = bias.data()}; }

  /// s = dropout(x) + residual, rounded as the kernel rounds it: what follows may take it for exact.
  double sum_at(std::size_t i) const {
    const float dropped = keep.empty() ? x[i] : (keep[i] != 0 ? x[i] * dropout().factor : 0.0F);
    return static_cast<double>(dropped + residual[i]);
  }

  std::int64_t rows;
  std::int64_t cols;
  Floats x;
  Floats residual;
  Floats weight;
  Floats bias;
  std::vector<std::uint8_t> keep;
};

struct ForwardResult {
  Floats mean;
  Floats inverse_deviation;
  Floats out;

  LayerNormMoments moments() { return {.mean = mean.data(), .inverse_deviation = inverse_deviation.data()}; }
  bool operator==(const ForwardResult&) const = default;
};

ForwardResult forward(const Problem& problem) {
  ForwardResult result{Floats(index(problem.rows), kUnwritten), Floats(index(problem.rows), kUnwritten),
                       Floats(problem.x.size(), kUnwritten)};
  layer_norm_forward(problem.input(), problem.parameters(), result.moments(), result.out.data());
  return result;
}

template <typename Values>
struct Gradients {
  Values x;
  Values residual;
  Values weight;
  Values bias;

  std::array<const Values*, 4> all() const { return {&x, &residual, &weight, &bias}; }
  bool operator==(const Gradients&) const = default;
};

Gradients<Floats> backward(const Problem& problem, ForwardResult result, const Floats& arriving) {
  Gradients<Floats> gradients{Floats(problem.x.size(), kUnwritten), Floats(problem.x.size(), kUnwritten),
                              Floats(index(problem.cols), kUnwritten),
                              Floats(index(problem.cols), kUnwritten)};
  layer_norm_backward(problem.input(), problem.parameters(), result.moments(), arriving.data(),
                      {.x = gradients.x.data(),
                       .residual = gradients.residual.data(),
                       .weight = gradients.weight.data(),
                       .bias = gradients.bias.data()});
  return gradients;
}

template <typename Body>
void for_problems(const Body& body) {
  for (const bool dropout : {false, true}) {
    for (std::int64_t cols = 1; cols <= 67; ++cols) {
      for (const std::int64_t rows : {1, 5}) {
        SCOPED_TRACE(base::concat(rows, " x ", cols, dropout ? ", dropout" : ""));
        body(Problem(rows, cols, dropout));
      }
    }
    SCOPED_TRACE(dropout ? "large, dropout" : "large");
    body(Problem(67, 1001, dropout));
  }
}

/// Roundings of a mean over a row in sixteen lanes: those of a lane, of the lanes' sum and of the division.
double mean_roundings(std::int64_t cols) { return std::ceil(static_cast<double>(cols) / 16.0) + 16.0; }

/// The moments of a row against the formulas in double: the variance about the kernel's mean, all terms of
/// which are positive.
void expect_moments(const Problem& problem, const ForwardResult& result, std::int64_t row) {
  const auto count = static_cast<double>(problem.cols);
  const auto kernel_mean = static_cast<double>(result.mean[index(row)]);
  double mean = 0.0;
  double magnitude = 0.0;
  double variance = 0.0;
  for (std::int64_t col = 0; col < problem.cols; ++col) {
    const double sum = problem.sum_at(index(row * problem.cols + col));
    mean += sum / count;
    magnitude += std::fabs(sum) / count;
    variance += (sum - kernel_mean) * (sum - kernel_mean) / count;
  }
  EXPECT_NEAR(kernel_mean, mean, mean_roundings(problem.cols) * kRounding * magnitude) << "row " << row;
  const double inverse = 1.0 / std::sqrt(variance + static_cast<double>(problem.parameters().epsilon));
  // The variance: a difference twice, its square, the mean, and the sum with epsilon, half of which count
  // under the root; then the root and the quotient.
  const double roundings = 0.5 * (mean_roundings(problem.cols) + 4.0) + 2.001;
  EXPECT_NEAR(static_cast<double>(result.inverse_deviation[index(row)]), inverse,
              roundings * kRounding * inverse)
      << "row " << row;
}

TEST(LayerNormTest, ForwardFollowsTheFormulas) {
  for_problems([](const Problem& problem) {
    const ForwardResult result = forward(problem);
    for (std::int64_t row = 0; row < problem.rows; ++row) {
      expect_moments(problem, result, row);
      for (std::int64_t col = 0; col < problem.cols; ++col) {
        const std::size_t i = index(row * problem.cols + col);
        const double scaled = (problem.sum_at(i) - static_cast<double>(result.mean[index(row)])) *
                              static_cast<double>(result.inverse_deviation[index(row)]) *
                              static_cast<double>(problem.weight[index(col)]);
        const double expected = scaled + static_cast<double>(problem.bias[index(col)]);
        // From the kernel's moments: the difference and two products are rounded, then the sum.
        const double tolerance = 1.001 * kRounding * (3.0 * std::fabs(scaled) + std::fabs(expected));
        ASSERT_NEAR(static_cast<double>(result.out[i]), expected, tolerance) << row << ", " << col;
      }
    }
  });
}

TEST(LayerNormTest, ARowOfEqualValuesBecomesTheBias) {
  Problem problem(3, 33, false);
  problem.x.assign(problem.x.size(), 1.5F);
  problem.residual.assign(problem.x.size(), -0.25F);
  const ForwardResult result = forward(problem);
  for (std::size_t i = 0; i < result.out.size(); ++i) EXPECT_EQ(result.out[i], problem.bias[i % 33]);
  EXPECT_FLOAT_EQ(result.inverse_deviation[0], 1e6F);
}

/// The formulas of backward in double, from the forward pass's moments. With `magnitudes`, every term is
/// replaced by its magnitude: what rounding errors are in proportion to.
Gradients<Doubles> reference(const Problem& problem, const ForwardResult& result, const Floats& arriving,
                             bool magnitudes) {
  const auto term = [=](double value) { return magnitudes ? std::fabs(value) : value; };
  const double minus = magnitudes ? 1.0 : -1.0;
  const auto count = static_cast<double>(problem.cols);
  const Doubles of_input(problem.x.size());
  const Doubles of_parameter(index(problem.cols));
  Gradients<Doubles> gradients{of_input, of_input, of_parameter, of_parameter};
  for (std::int64_t row = 0; row < problem.rows; ++row) {
    const auto inverse = static_cast<double>(result.inverse_deviation[index(row)]);
    const auto normalized = [&](std::size_t i) {
      return (problem.sum_at(i) - static_cast<double>(result.mean[index(row)])) * inverse;
    };
    const auto weighted = [&](std::size_t i) {
      return static_cast<double>(arriving[i]) * static_cast<double>(problem.weight[i % index(problem.cols)]);
    };
    const std::size_t first = index(row * problem.cols);
    const std::size_t last = first + index(problem.cols);
    double mean = 0.0;
    double slope = 0.0;
    for (std::size_t i = first; i < last; ++i) {
      mean += term(weighted(i)) / count;
      slope += term(weighted(i) * normalized(i)) / count;
    }
    for (std::size_t i = first; i < last; ++i) {
      const double of_sum =
          inverse * (term(weighted(i)) + minus * mean + minus * term(normalized(i)) * slope);
      gradients.residual[i] = of_sum;
      gradients.x[i] = problem.keep.empty() ? of_sum
                                            : of_sum * static_cast<double>(problem.keep[i]) *
                                                  static_cast<double>(problem.dropout().factor);
      gradients.weight[i - first] += term(static_cast<double>(arriving[i]) * normalized(i));
      gradients.bias[i - first] += term(static_cast<double>(arriving[i]));
    }
  }
  return gradients;
}

Floats draw_arriving(const Problem& problem) { return random_values(6, problem.rows * problem.cols); }

TEST(LayerNormTest, BackwardFollowsTheFormulas) {
  for_problems([](const Problem& problem) {
    const ForwardResult result = forward(problem);
    const Floats arriving = draw_arriving(problem);
    const Gradients<Floats> actual = backward(problem, result, arriving);
    const Gradients<Doubles> expected = reference(problem, result, arriving, false);
    const Gradients<Doubles> magnitude = reference(problem, result, arriving, true);
    // The term with the most roundings is (s - mean) inverse mean(arriving weight (s - mean) inverse): two
    // for each of both normalized values, one for arriving weight, two products, the mean; then two
    // differences, the product with inverse, and that with dropout's factor.
    const double of_input = mean_roundings(problem.cols) + 11.0;
    // Two for the normalized value and one for its product, then one a row.
    const double of_parameter = static_cast<double>(problem.rows) + 3.0;
    const std::array<double, 4> roundings = {of_input, of_input, of_parameter, of_parameter};
    for (std::size_t which = 0; which < 4; ++which) {
      for (std::size_t i = 0; i < actual.all()[which]->size(); ++i) {
        ASSERT_NEAR(static_cast<double>((*actual.all()[which])[i]), (*expected.all()[which])[i],
                    1.001 * roundings[which] * kRounding * (*magnitude.all()[which])[i])
            << "gradient " << which << ", element " << i;
      }
    }
  });
}

/// The sum of what LayerNorm gives, weighted with `arriving`, in double: x, residual, weight and bias are
/// those of `at`.
double weighted_output(const Problem& problem, const Floats& arriving, const Gradients<Doubles>& at) {
  const auto count = static_cast<double>(problem.cols);
  double total = 0.0;
  for (std::int64_t row = 0; row < problem.rows; ++row) {
    const std::size_t first = index(row * problem.cols);
    Doubles sums;
    double mean = 0.0;
    for (std::size_t i = first; i < first + index(problem.cols); ++i) {
      const double factor = problem.keep.empty() ? 1.0
                                                 : static_cast<double>(problem.keep[i]) *
                                                       static_cast<double>(problem.dropout().factor);
      sums.push_back(at.x[i] * factor + at.residual[i]);
      mean += sums.back() / count;
    }
    double variance = 0.0;
    for (const double sum : sums) variance += (sum - mean) * (sum - mean) / count;
    const double inverse = 1.0 / std::sqrt(variance + static_cast<double>(problem.parameters().epsilon));
    for (std::size_t col = 0; col < sums.size(); ++col) {
      total += static_cast<double>(arriving[first + col]) *
               ((sums[col] - mean) * inverse * at.weight[col] + at.bias[col]);
    }
  }
  return total;
}

TEST(LayerNormTest, GradientsAreThoseOfFiniteDifferences) {
  for (const bool dropout : {false, true}) {
    const Problem problem(3, 7, dropout);
    const Floats arriving = draw_arriving(problem);
    const Gradients<Floats> actual = backward(problem, forward(problem), arriving);
    const auto doubles = [](const Floats& values) { return Doubles(values.begin(), values.end()); };
    Gradients<Doubles> at{doubles(problem.x), doubles(problem.residual), doubles(problem.weight),
                          doubles(problem.bias)};
    const std::array<Doubles*, 4> points = {&at.x, &at.residual, &at.weight, &at.bias};
    for (std::size_t which = 0; which < 4; ++which) {
      SCOPED_TRACE(base::concat("gradient ", which, dropout ? ", dropout" : ""));
      // The gradient in float32 errs by some tens of roundings of values below 10.
      expect_central_differences(*actual.all()[which], *points[which], 2e-5,
                                 [&] { return weighted_output(problem, arriving, at); });
    }
  }
}

TEST(LayerNormTest, WithoutDropoutOneGradientServesXAndResidual) {
  const Problem problem(37, 33, false);
  ForwardResult result = forward(problem);
  const Floats arriving = draw_arriving(problem);
  const Gradients<Floats> apart = backward(problem, result, arriving);
  EXPECT_EQ(apart.x, apart.residual);
  Gradients<Floats> shared{Floats(problem.x.size(), kUnwritten), {}, Floats(33), Floats(33)};
  layer_norm_backward(problem.input(), problem.parameters(), result.moments(), arriving.data(),
                      {.x = shared.x.data(),
                       .residual = shared.x.data(),
                       .weight = shared.weight.data(),
                       .bias = shared.bias.data()});
  shared.residual = shared.x;
  EXPECT_EQ(shared, apart);
}

TEST(LayerNormTest, WithoutResidualAndBiasItIsThatOfZeros) {
  for (const std::int64_t cols : {1, 33, 384}) {
    Problem problem(37, cols, false);
    problem.residual.assign(problem.residual.size(), 0.0F);
    problem.bias.assign(problem.bias.size(), 0.0F);
    ForwardResult expected = forward(problem);
    LayerNormInput input = problem.input();
    LayerNormParameters parameters = problem.parameters();
    input.residual = nullptr;
    parameters.bias = nullptr;
    ForwardResult result{Floats(37, kUnwritten), Floats(37, kUnwritten),
                         Floats(problem.x.size(), kUnwritten)};
    layer_norm_forward(input, parameters, result.moments(), result.out.data());
    EXPECT_EQ(result, expected);
    const Floats arriving = draw_arriving(problem);
    const Gradients<Floats> of_zeros = backward(problem, expected, arriving);
    Floats x(problem.x.size(), kUnwritten);
    Floats weight(index(cols), kUnwritten);
    layer_norm_backward(input, parameters, result.moments(), arriving.data(),
                        {.x = x.data(), .weight = weight.data()});
    EXPECT_EQ(x, of_zeros.x);
    EXPECT_EQ(weight, of_zeros.weight);
  }
}

TEST(LayerNormTest, NoRowsGiveParametersGradientsOfZero) {
  const Problem problem(0, 5, false);
  const Gradients<Floats> gradients = backward(problem, forward(problem), {});
  EXPECT_EQ(gradients.weight, Floats(5, 0.0F));
  EXPECT_EQ(gradients.bias, Floats(5, 0.0F));
}

TEST(LayerNormTest, DoesNotDependOnTheThreadCount) {
  for (const bool dropout : {false, true}) {
    const Problem problem(333, 65, dropout);
    expect_the_same_for_every_thread_count([&] { return forward(problem); });
    const ForwardResult result = forward(problem);
    const Floats arriving = draw_arriving(problem);
    expect_the_same_for_every_thread_count([&] { return backward(problem, result, arriving); });
  }
}

}  // namespace
}  // namespace kdqat::kernels
