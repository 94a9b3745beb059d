#include "kdqat/evaluate/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/data/custom_task.h"

namespace kdqat::evaluate {
namespace {

using base::InvalidArgument;
using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::ThrowsMessage;

using Values = std::vector<double>;
using MetricFunction = double (*)(std::span<const double>, std::span<const double>);

const std::pair<const char*, MetricFunction> kFixtureMetrics[] = {
    {"accuracy", accuracy}, {"f1", f1},           {"f1_macro", macro_f1},
    {"mcc", matthews},      {"pearson", pearson}, {"spearman", spearman}};

// scikit-learn and SciPy wrote the expected values. Sums of at most 60 terms of a size near 1, divided by
// such sums, differ by some tens of double's epsilon 2e-16 between orders of summation; far below 1e-12.
constexpr double kTolerance = 1e-12;

TEST(MetricsTest, EqualTheReference) {
  const nlohmann::json fixture =
      nlohmann::json::parse(std::ifstream(std::string(KDQAT_TEST_FIXTURES) + "/metrics.json"));
  int compared = 0;
  for (const nlohmann::json& test_case : fixture.at("cases")) {
    const auto labels = test_case.at("labels").get<Values>();
    const auto predictions = test_case.at("predictions").get<Values>();
    for (const auto& [name, metric] : kFixtureMetrics) {
      if (!test_case.contains(name)) continue;
      EXPECT_NEAR(metric(labels, predictions), test_case.at(name).get<double>(), kTolerance) << name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 24);  // six classifications of three figures, three regressions of two
}

TEST(MetricsTest, AreOneForPerfectPredictions) {
  const Values labels = {0, 1, 1, 2, 0};
  for (const MetricFunction metric : {accuracy, f1, macro_f1, matthews, pearson, spearman}) {
    EXPECT_DOUBLE_EQ(metric(labels, labels), 1.0);
  }
}

TEST(MetricsTest, CorrelationsAreMinusOneForReversedPredictions) {
  EXPECT_DOUBLE_EQ(pearson(Values{1, 2, 4}, Values{-2, -4, -8}), -1.0);
  EXPECT_DOUBLE_EQ(spearman(Values{1, 2, 4}, Values{3, 2, -9}), -1.0);
  EXPECT_DOUBLE_EQ(matthews(Values{0, 1, 0, 1}, Values{1, 0, 1, 0}), -1.0);
}

TEST(MetricsTest, CorrelationsAreZeroWhereOneSideIsConstant) {
  // 0.1 + 0.1 + 0.1 is not 3 * 0.1: a constant must be seen as one before it is subtracted from its mean.
  const Values constant = {0.1, 0.1, 0.1};
  const Values varied = {1, 0, 1};
  for (const MetricFunction metric : {pearson, spearman, matthews}) {
    EXPECT_EQ(metric(constant, varied), 0.0);
    EXPECT_EQ(metric(varied, constant), 0.0);
    EXPECT_EQ(metric(constant, constant), 0.0);
  }
}

TEST(MetricsTest, F1IsZeroWithoutPositives) {
  EXPECT_EQ(f1(Values{0, 0}, Values{0, 0}), 0.0);
  EXPECT_EQ(f1(Values{1, 0}, Values{0, 0}), 0.0);
  EXPECT_EQ(f1(Values{0, 0}, Values{1, 0}), 0.0);
}

TEST(MetricsTest, MacroF1CountsClassesThatOnlyPredictionsHave) {
  // Class 0: 2/3; class 1: 1; class 2 is predicted once and never right: 0.
  EXPECT_DOUBLE_EQ(macro_f1(Values{0, 0, 1}, Values{0, 2, 1}), (2.0 / 3.0 + 1.0 + 0.0) / 3.0);
}

TEST(MetricsTest, SpearmanGivesEqualValuesTheMeanOfTheirRanks) {
  // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
  EXPECT_DOUBLE_EQ(spearman(Values{1, 7, 7, 9}, Values{1, 2, 3, 4}), 4.5 / std::sqrt(4.5 * 5.0));
}

TEST(MetricsTest, SpearmanReadsOnlyTheOrder) {
  const Values labels = {0.5, 3, 2, 4};
  EXPECT_EQ(spearman(labels, Values{1, 2, 5, 9}), spearman(labels, Values{-7, 0.1, 0.2, 1e300}));
}

TEST(MetricsTest, PairsAreMeans) {
  const Values labels = {0, 1, 1, 0, 1};
  const Values predictions = {0, 1, 0, 1, 1};
  EXPECT_DOUBLE_EQ(f1_and_accuracy(labels, predictions),
                   (f1(labels, predictions) + accuracy(labels, predictions)) / 2);
  const Values scores = {0.1, 0.5, 3, 2, 1};
  EXPECT_DOUBLE_EQ(pearson_and_spearman(labels, scores),
                   (pearson(labels, scores) + spearman(labels, scores)) / 2);
}

TEST(MetricsTest, SizesThatDifferOrAreZeroAreRefused) {
  for (const MetricFunction metric :
       {accuracy, f1, macro_f1, matthews, f1_and_accuracy, pearson, spearman, pearson_and_spearman}) {
    EXPECT_THAT(
        [&] {
          metric(Values{1, 2}, Values{1});
        },
        ThrowsMessage<InvalidArgument>("metrics: expected as many predictions as labels, 2, found 1"));
    EXPECT_THAT([&] { metric({}, {}); },
                ThrowsMessage<InvalidArgument>("metrics: expected at least one example, found none"));
  }
}

TEST(EvaluationTest, ScoreIsTheMetricOfTheTask) {
  const Values labels = {0, 1, 1, 0, 1};
  const Values predictions = {0, 1, 0, 1, 1};
  for (const char* name : {"cola", "sst-2", "mrpc", "qqp", "rte"}) {
    const data::Task task = data::find_task(name);
    const Evaluation result = evaluate_predictions(task, labels, predictions);
    EXPECT_EQ(result.metric, data::name_of(task.metric)) << name;
    EXPECT_EQ(result.score, result.metrics.at(result.metric)) << name;
    EXPECT_EQ(result.examples, 5) << name;
  }
  EXPECT_EQ(evaluate_predictions(data::find_task("cola"), labels, predictions).score,
            matthews(labels, predictions));
  EXPECT_EQ(evaluate_predictions(data::find_task("mrpc"), labels, predictions).score,
            f1_and_accuracy(labels, predictions));
  EXPECT_EQ(evaluate_predictions(data::find_task("sts-b"), labels, predictions).score,
            pearson_and_spearman(labels, predictions));
}

TEST(EvaluationTest, ReportsEveryMetricThatFitsTheTask) {
  const Values values = {0, 1, 1};
  EXPECT_THAT(
      evaluate_predictions(data::find_task("rte"), values, values).metrics,
      ElementsAre(Key("accuracy"), Key("f1"), Key("f1_and_accuracy"), Key("macro_f1"), Key("matthews")));
  EXPECT_THAT(evaluate_predictions(data::find_task("mnli"), values, values).metrics,
              ElementsAre(Key("accuracy"), Key("macro_f1"), Key("matthews")));
  EXPECT_THAT(evaluate_predictions(data::find_task("sts-b"), values, values).metrics,
              ElementsAre(Key("pearson"), Key("pearson_and_spearman"), Key("spearman")));
}

TEST(EvaluationTest, EveryMetricOfOwnDataIsAmongThoseReported) {
  const Values values = {0, 1, 1};
  for (const data::Metric metric : {data::Metric::kAccuracy, data::Metric::kF1, data::Metric::kMacroF1,
                                    data::Metric::kMatthews, data::Metric::kF1AndAccuracy}) {
    const data::Task task = data::make_custom_task({.metric = metric, .labels = {"a", "b"}});
    EXPECT_EQ(evaluate_predictions(task, values, values).score, 1.0) << data::name_of(metric);
  }
}

TEST(EvaluationTest, WhatIsNoClassOfTheTaskIsRefused) {
  const data::Task task = data::find_task("mnli");
  EXPECT_THAT(
      [&] {
        evaluate_predictions(task, Values{0, 3}, Values{0, 1});
      },
      ThrowsMessage<InvalidArgument>("label 1: expected a class 0 .. 2 of task mnli, found 3"));
  EXPECT_THAT(
      [&] {
        evaluate_predictions(task, Values{0, 1}, Values{-1, 1});
      },
      ThrowsMessage<InvalidArgument>("prediction 0: expected a class 0 .. 2 of task mnli, found -1"));
  EXPECT_THAT(
      [&] {
        evaluate_predictions(task, Values{0, 1}, Values{0.5, 1});
      },
      ThrowsMessage<InvalidArgument>("prediction 0: expected a class 0 .. 2 of task mnli, found 0.5"));
}

TEST(EvaluationTest, ScoresThatAreNotFiniteAreRefused) {
  const data::Task task = data::find_task("sts-b");
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(
      [&] {
        evaluate_predictions(task, Values{1, 2}, Values{1, kNan});
      },
      ThrowsMessage<base::NumericError>("prediction 1: expected a finite number, found nan"));
  EXPECT_THAT(
      [&] {
        evaluate_predictions(task, Values{kInfinity, 2}, Values{1, 2});
      },
      ThrowsMessage<base::NumericError>("label 0: expected a finite number, found inf"));
}

TEST(EvaluationTest, SizesThatDifferOrAreZeroAreRefused) {
  EXPECT_THROW(evaluate_predictions(data::find_task("rte"), Values{1, 0}, Values{1}), InvalidArgument);
  EXPECT_THROW(evaluate_predictions(data::find_task("rte"), {}, {}), InvalidArgument);
}

}  // namespace
}  // namespace kdqat::evaluate
