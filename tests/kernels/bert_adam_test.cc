#include "kdqat/kernels/bert_adam.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "tests/kernels/random_values.h"

namespace kdqat::kernels {
namespace {

using ::testing::Each;

constexpr double kRounding = 0x1p-24;

/// Weights and moments of a parameter.
struct State {
  std::vector<float> weights;
  std::vector<float> first_moment;
  std::vector<float> second_moment;

  bool operator==(const State&) const = default;
};

State random_state(std::int64_t count) {
  return {.weights = random_values(1, count, -0.1, 0.1),
          .first_moment = random_values(2, count, -0.01, 0.01),
          .second_moment = random_values(3, count, 0.0, 1e-4)};
}

State updated(const BertAdamSettings& settings, State state, const float* gradient) {
  bert_adam_update(settings, static_cast<std::int64_t>(state.weights.size()), gradient, state.weights.data(),
                   state.first_moment.data(), state.second_moment.data());
  return state;
}

/// Holds one element of an update to the formulas, each step from what the step before gave in float.
void expect_formula(const BertAdamSettings& settings, double gradient, const State& before,
                    const State& after, std::size_t i) {
  const double beta1 = settings.beta1;
  const double beta2 = settings.beta2;
  const auto rate = static_cast<double>(settings.learning_rate);
  const double g = static_cast<double>(settings.gradient_factor) * gradient;
  const double kept = beta1 * static_cast<double>(before.first_moment[i]);
  const double added = (1.0 - beta1) * g;
  const auto m = static_cast<double>(after.first_moment[i]);
  // Of the terms, three roundings in `added`, two in `kept` (the betas are rounded too); one of their sum.
  ASSERT_NEAR(m, kept + added, kRounding * (4.0 * (std::fabs(kept) + std::fabs(added))));
  const double expected_v = beta2 * static_cast<double>(before.second_moment[i]) + (1.0 - beta2) * g * g;
  const auto v = static_cast<double>(after.second_moment[i]);
  // g is rounded and squared: two; its square, 1 - beta2, the product and the sum one each; denormals end at
  // 2^-150.
  ASSERT_NEAR(v, expected_v, 6.01 * kRounding * expected_v + 0x1p-148);
  const double direction = m / (std::sqrt(v) + static_cast<double>(settings.epsilon));
  const auto w = static_cast<double>(before.weights[i]);
  const double decay = static_cast<double>(settings.weight_decay) * w;
  const double expected_w = w - rate * (direction + decay);
  // Root, sum, quotient, sum, product: five roundings of the step, then that of the weight.
  const double tolerance = 5.01 * kRounding * rate * (std::fabs(direction) + std::fabs(decay)) +
                           1.01 * kRounding * std::fabs(expected_w);
  ASSERT_NEAR(static_cast<double>(after.weights[i]), expected_w, tolerance);
}

TEST(BertAdamUpdateTest, FollowsTheFormulaAtEverySize) {
  const BertAdamSettings settings{.learning_rate = 1e-3F, .weight_decay = 0.01F, .gradient_factor = 0.3F};
  std::vector<std::int64_t> sizes = {3 * 16384 + 7};
  for (std::int64_t size = 1; size <= 67; ++size) sizes.push_back(size);
  for (const std::int64_t size : sizes) {
    const State before = random_state(size);
    const std::vector<float> gradient = random_values(4, size, -0.05, 0.05);
    const State after = updated(settings, before, gradient.data());
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      expect_formula(settings, static_cast<double>(gradient[i]), before, after, i);
    }
  }
}

TEST(BertAdamUpdateTest, EverySettingTakesPart) {
  const BertAdamSettings settings{.learning_rate = 0.5F,
                                  .beta1 = 0.5,
                                  .beta2 = 0.75,
                                  .epsilon = 0.25F,
                                  .weight_decay = 0.125F,
                                  .gradient_factor = 2.0F};
  const float gradient = 1.0F;  // g = 2
  const State before{.weights = {4.0F}, .first_moment = {2.0F}, .second_moment = {8.0F}};
  const State after = updated(settings, before, &gradient);
  EXPECT_EQ(after.first_moment[0], 0.5F * 2.0F + 0.5F * 2.0F);
  EXPECT_EQ(after.second_moment[0], 0.75F * 8.0F + 0.25F * 4.0F);  // 7
  EXPECT_FLOAT_EQ(after.weights[0], 4.0F - 0.5F * (2.0F / (std::sqrt(7.0F) + 0.25F) + 0.125F * 4.0F));
}

TEST(BertAdamUpdateTest, NoGradientStandsForZeros) {
  const BertAdamSettings settings{.learning_rate = 1e-3F};
  for (const std::int64_t size : {1, 17, 50001}) {
    const std::vector<float> zeros(static_cast<std::size_t>(size), 0.0F);
    EXPECT_EQ(updated(settings, random_state(size), nullptr),
              updated(settings, random_state(size), zeros.data()));
  }
}

TEST(BertAdamUpdateTest, IdleUpdatesAreUpdatesWithoutAGradient) {
  const std::vector<float> learning_rates = {0.0F, 1e-3F, 5e-4F};
  for (const bool moments : {false, true}) {
    for (const std::int64_t size : {1, 17, 384}) {
      State expected = random_state(size);
      if (!moments) {
        std::fill(expected.first_moment.begin(), expected.first_moment.end(), 0.0F);
        std::fill(expected.second_moment.begin(), expected.second_moment.end(), 0.0F);
      }
      State state = expected;
      for (const float learning_rate : learning_rates) {
        expected = updated({.learning_rate = learning_rate}, expected, nullptr);
      }
      bert_adam_idle_updates({}, learning_rates, size, state.weights.data(), state.first_moment.data(),
                             state.second_moment.data());
      EXPECT_EQ(state, expected) << size;
    }
  }
}

TEST(BertAdamUpdateTest, ALearningRateOfZeroKeepsTheWeightsAndMovesTheMoments) {
  const std::vector<float> gradient = random_values(4, 101);
  const State before = random_state(101);
  const State after = updated({.learning_rate = 0.0F}, before, gradient.data());
  EXPECT_EQ(after.weights, before.weights);
  EXPECT_NE(after.first_moment, before.first_moment);
  EXPECT_NE(after.second_moment, before.second_moment);
}

TEST(BertAdamUpdateTest, DoesNotDependOnTheThreadCount) {
  const std::vector<float> gradient = random_values(5, 100003);
  expect_the_same_for_every_thread_count([&] {
    const State state = updated({.learning_rate = 1e-3F}, random_state(100003), gradient.data());
    return std::tuple(state.weights, state.first_moment, state.second_moment);
  });
}

TEST(SumOfSquaresTest, IsTheSumInDoubleAtEverySize) {
  std::vector<std::int64_t> sizes = {16384, 16385, 100003};
  for (std::int64_t size = 1; size <= 67; ++size) sizes.push_back(size);
  for (const std::int64_t size : sizes) {
    const std::vector<float> values = random_values(static_cast<std::uint64_t>(size), size);
    long double expected = 0.0L;
    for (const float x : values) expected += static_cast<long double>(x) * static_cast<long double>(x);
    // Squares of floats are exact in double; a sum of n terms rounds n times.
    const double tolerance = static_cast<double>(size) * 0x1p-53 * static_cast<double>(expected);
    EXPECT_NEAR(sum_of_squares(values.data(), size), static_cast<double>(expected), tolerance) << size;
  }
  EXPECT_EQ(sum_of_squares(nullptr, 0), 0.0);
}

TEST(SumOfSquaresTest, SquaresBeyondFloatsRangeAreFinite) {
  const std::vector<float> values = {3e38F, -3e38F, 1e-30F};
  EXPECT_DOUBLE_EQ(sum_of_squares(values.data(), 3), 2.0 * std::pow(static_cast<double>(3e38F), 2));
}

TEST(SumOfSquaresTest, DoesNotDependOnTheThreadCount) {
  const std::vector<float> values = random_values(6, 300007);
  expect_the_same_for_every_thread_count([&] { return sum_of_squares(values.data(), 300007); });
}

}  // namespace
}  // namespace kdqat::kernels
