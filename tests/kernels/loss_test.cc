#include "kdqat/kernels/loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

using ::testing::Each;

constexpr float kUnwritten = 99.0F;

/// Sizes around vectors and around the blocks that sums run over.
std::vector<std::int64_t> sizes() {
  std::vector<std::int64_t> result = {1000, 16384, 16385, 9 * 16384 + 5};
  for (std::int64_t size = 1; size <= 67; ++size) result.push_back(size);
  return result;
}

TEST(SquaredDistanceTest, IsTheSumOfSquaredDifferences) {
  for (const std::int64_t size : sizes()) {
    const std::vector<float> student = random_values(1, size);
    const std::vector<float> teacher = random_values(2, size);
    double expected = 0.0;
    for (std::size_t i = 0; i < student.size(); ++i) {
      const double difference = static_cast<double>(student[i]) - static_cast<double>(teacher[i]);
      expected += difference * difference;
    }
    // The difference, twice in the square, and the square are rounded; sums in double are as good as exact.
    EXPECT_NEAR(squared_distance(student.data(), teacher.data(), size), expected,
                3.001 * kRounding * expected)
        << size;
  }
}

TEST(SquaredDistanceTest, OfNothingIsZero) { EXPECT_EQ(squared_distance(nullptr, nullptr, 0), 0.0); }

std::vector<float> distance_gradient(const std::vector<float>& student, const std::vector<float>& teacher,
                                     float factor) {
  std::vector<float> gradient(student.size(), kUnwritten);
  squared_distance_backward(student.data(), teacher.data(), static_cast<std::int64_t>(student.size()), factor,
                            gradient.data());
  return gradient;
}

TEST(SquaredDistanceTest, TheGradientIsTheDifferenceTimesTheFactor) {
  for (const std::int64_t size : sizes()) {
    const std::vector<float> student = random_values(1, size);
    const std::vector<float> teacher = random_values(2, size);
    const std::vector<float> gradient = distance_gradient(student, teacher, -0.3F);
    for (std::size_t i = 0; i < student.size(); ++i) {
      const double expected =
          static_cast<double>(-0.3F) * (static_cast<double>(student[i]) - static_cast<double>(teacher[i]));
      // The difference and the product are rounded.
      ASSERT_NEAR(static_cast<double>(gradient[i]), expected, 2.001 * kRounding * std::fabs(expected))
          << size;
    }
  }
}

TEST(SquaredDistanceTest, DoesNotDependOnTheThreadCount) {
  const std::vector<float> student = random_values(1, 9 * 16384 + 5);
  const std::vector<float> teacher = random_values(2, 9 * 16384 + 5);
  expect_the_same_for_every_thread_count([&] {
    return squared_distance(student.data(), teacher.data(), static_cast<std::int64_t>(student.size()));
  });
  expect_the_same_for_every_thread_count([&] { return distance_gradient(student, teacher, 0.7F); });
}

/// Runs of probabilities of a teacher and a student, from element `before` on; there are as many behind them.
struct Problem {
  Problem(const std::vector<std::int64_t>& run_sizes, std::int64_t before) : starts{before} {
    for (const std::int64_t size : run_sizes) starts.push_back(starts.back() + size);
    teacher = random_values(1, starts.back() + before, 0.0, 1.0);
    student = random_values(2, starts.back() + before, 0.0, 1.0);
    for (const float weight : random_values(3, static_cast<std::int64_t>(run_sizes.size()))) {
      weights.push_back(static_cast<double>(weight));
    }
  }

  Probabilities probabilities() const {
    return {.teacher = teacher.data(), .student = student.data(), .starts = starts, .weights = weights};
  }

  std::vector<std::int64_t> starts;
  std::vector<double> weights;
  std::vector<float> teacher;
  std::vector<float> student;
};

std::vector<Problem> problems() {
  std::vector<std::int64_t> every_size;
  for (std::int64_t size = 0; size <= 67; ++size) every_size.push_back(size * 7 % 68);
  return {Problem({1}, 0),
          Problem({1, 1, 1}, 0),
          Problem({0, 3, 0, 0, 5, 0}, 2),
          Problem({100, 1, 17}, 0),
          Problem({20011}, 0),
          Problem(every_size, 3),
          Problem(std::vector<std::int64_t>(1000, 33), 0)};
}

/// Some probabilities that the clamp changes, and some just above it.
Problem with_small_probabilities(Problem problem) {
  const std::vector<float> small = {0.0F, 1e-30F, std::numeric_limits<float>::denorm_min(), 0.9e-8F, 1.1e-8F};
  for (std::size_t i = 0; i < problem.teacher.size(); ++i) {
    if (i % 3 == 0) problem.teacher[i] = small[i / 3 % small.size()];
    if (i % 4 == 0) problem.student[i] = small[i / 4 % small.size()];
  }
  return problem;
}

/// What kernels clamp at: the float that stands for kSmallestProbability.
constexpr auto kFloor = static_cast<float>(kSmallestProbability);

double clamped(float p) { return static_cast<double>(std::max(p, kFloor)); }

void expect_divergence(const Problem& problem) {
  double expected = 0.0;
  double tolerance = 0.0;
  // Of ln x: two units in the last place, each up to two roundings, or 1e-7.
  const auto log_error = [](double log) { return std::max(1e-7, 4.0 * kRounding * std::fabs(log)); };
  for (std::size_t run = 0; run < problem.weights.size(); ++run) {
    for (std::int64_t i = problem.starts[run]; i < problem.starts[run + 1]; ++i) {
      const double p = clamped(problem.teacher[index(i)]);
      const double log_p = std::log(p);
      const double log_q = std::log(clamped(problem.student[index(i)]));
      expected += problem.weights[run] * p * (log_p - log_q);
      // Both logarithms; the difference and the product round. Sums in double are as good as exact.
      tolerance += std::fabs(problem.weights[run]) * p *
                   (log_error(log_p) + log_error(log_q) + 2.001 * kRounding * std::fabs(log_p - log_q));
    }
  }
  EXPECT_NEAR(divergence(problem.probabilities()), expected, tolerance) << problem.weights.size() << " runs";
}

TEST(DivergenceTest, IsTheWeightedSumOfTheRuns) {
  for (const Problem& problem : problems()) expect_divergence(problem);
}

TEST(DivergenceTest, ProbabilitiesAreClampedBeforeTheirLogarithm) {
  for (const Problem& problem : problems()) expect_divergence(with_small_probabilities(problem));
}

TEST(DivergenceTest, OfEqualProbabilitiesIsZero) {
  Problem problem({100, 1, 17}, 0);
  problem.student = problem.teacher;
  EXPECT_EQ(divergence(problem.probabilities()), 0.0);
}

std::vector<float> divergence_gradient(const Problem& problem, double factor) {
  std::vector<float> gradient(problem.student.size(), kUnwritten);
  divergence_backward(problem.probabilities(), factor, gradient.data());
  return gradient;
}

TEST(DivergenceTest, OfNoRunsIsZeroAndWritesNoGradient) {
  Problem problem({}, 2);
  EXPECT_EQ(divergence(problem.probabilities()), 0.0);
  EXPECT_THAT(divergence_gradient(problem, 1.0), Each(kUnwritten));
}

void expect_gradient(const Problem& problem) {
  constexpr double kFactor = 0.7;
  const std::vector<float> gradient = divergence_gradient(problem, kFactor);
  for (std::size_t run = 0; run < problem.weights.size(); ++run) {
    for (std::int64_t i = problem.starts[run]; i < problem.starts[run + 1]; ++i) {
      const float q = problem.student[index(i)];
      const double expected = q < kFloor ? 0.0
                                         : -kFactor * problem.weights[run] *
                                               clamped(problem.teacher[index(i)]) / static_cast<double>(q);
      // The factor, its product with p^T and the quotient are rounded.
      ASSERT_NEAR(static_cast<double>(gradient[index(i)]), expected, 3.001 * kRounding * std::fabs(expected))
          << "run " << run << ", element " << i;
    }
  }
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(gradient.size()); ++i) {
    const bool outside = i < problem.starts.front() || i >= problem.starts.back();
    EXPECT_TRUE(!outside || gradient[index(i)] == kUnwritten) << i;
  }
}

TEST(DivergenceTest, TheGradientIsTheWeightedQuotientAndNothingOutsideTheRunsIsWritten) {
  for (const Problem& problem : problems()) expect_gradient(problem);
}

TEST(DivergenceTest, TheGradientEndsWhereTheStudentIsClamped) {
  for (const Problem& problem : problems()) expect_gradient(with_small_probabilities(problem));
  Problem edge({2}, 0);
  edge.student = {std::nextafter(kFloor, 0.0F), std::nextafter(kFloor, 1.0F)};
  EXPECT_EQ(divergence_gradient(edge, 1.0)[0], 0.0F);
  EXPECT_NE(divergence_gradient(edge, 1.0)[1], 0.0F);
}

TEST(DivergenceTest, DoesNotDependOnTheThreadCount) {
  for (const Problem& problem : problems()) {
    expect_the_same_for_every_thread_count([&] { return divergence(problem.probabilities()); });
    expect_the_same_for_every_thread_count([&] { return divergence_gradient(problem, 0.7); });
  }
}

}  // namespace
}  // namespace kdqat::kernels
