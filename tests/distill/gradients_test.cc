// Gradients of every loss against finite differences in double.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "kdqat/base/error.h"
#include "kdqat/distill/objective.h"
#include "tests/distill/random_signals.h"

namespace kdqat::distill {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double value_of(Loss loss, const RandomSignals& signals, const torch::Tensor& labels, double temperature) {
  const torch::NoGradGuard no_grad;
  return compute_loss(loss, signals.inputs(), labels, temperature).total.item<double>();
}

/// Central differences over every element of every signal of the student: also those that a loss must not
/// read.
void expect_finite_differences(Loss loss, RandomSignals signals, const torch::Tensor& labels,
                               double temperature = 1.0) {
  constexpr double kStep = 1e-5;  // truncation near 1e-10, cancellation near 1e-16 / 1e-5
  compute_loss(loss, signals.inputs(), labels, temperature).total.backward();
  double largest = 0.0;
  for (const torch::Tensor* signal : signals.student_leaves()) {
    const std::vector<double> gradient = elements(tests::dense_gradient(*signal).contiguous());
    auto* values = signal->data_ptr<double>();
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      const double before = values[i];
      values[i] = before + kStep;
      const double above = value_of(loss, signals, labels, temperature);
      values[i] = before - kStep;
      const double below = value_of(loss, signals, labels, temperature);
      values[i] = before;
      ASSERT_NEAR(gradient[i], (above - below) / (2.0 * kStep), 1e-8) << "element " << i;
      largest = std::max(largest, std::fabs(gradient[i]));
    }
  }
  EXPECT_GT(largest, 1e-3);
}

const torch::Tensor& class_ids() {
  static const torch::Tensor labels = torch::tensor({2, 0, 0, 1}, torch::kInt64);
  return labels;
}

TEST(LossGradientsTest, AreThoseOfFiniteDifferences) {
  for (const Loss loss : kLosses) {
    SCOPED_TRACE(name_of(loss));
    expect_finite_differences(loss, RandomSignals(), class_ids());
  }
}

TEST(LossGradientsTest, OfTheMapAreThoseOfFiniteDifferencesAtOtherTemperatures) {
  for (const double temperature : {0.5, 2.0, kInfinity}) {
    SCOPED_TRACE(temperature);
    expect_finite_differences(Loss::kAttentionMap, RandomSignals(), {}, temperature);
  }
}

TEST(LossGradientsTest, OfARegressionAreThoseOfFiniteDifferences) {
  const torch::Tensor scores = torch::tensor({0.5F, -1.0F, 4.75F, 2.0F});
  expect_finite_differences(Loss::kGroundTruth, RandomSignals(1), scores);
  expect_finite_differences(Loss::kLogit, RandomSignals(1), {});
}

TEST(LossGradientsTest, ReachTheChosenLayersAlone) {
  for (const Loss loss : kLosses) {
    if (loss == Loss::kGroundTruth || loss == Loss::kLogit) continue;
    RandomSignals signals;
    signals.layers = {.all = false, .layers = {1}};
    expect_finite_differences(loss, signals, {});
    EXPECT_FALSE(signals.student.hidden_states[0].grad().defined());
    EXPECT_FALSE(signals.student.hidden_states[1].grad().defined());
  }
}

}  // namespace
}  // namespace kdqat::distill
