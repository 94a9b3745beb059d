#include "kdqat/distill/objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "kdqat/base/error.h"
#include "tests/distill/random_signals.h"

namespace kdqat::distill {
namespace {

using ::testing::ElementsAre;
using ::testing::ThrowsMessage;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const torch::Tensor& class_ids() {
  static const torch::Tensor labels = torch::tensor({2, 0, 0, 1}, torch::kInt64);
  return labels;
}

void set_weight(ObjectiveConfig& config, Loss loss, double weight) {
  config.weights[static_cast<std::size_t>(loss)] = weight;
}

TEST(ObjectiveConfigTest, RecipesAreThePapersSetsOfLosses) {
  const std::map<std::string, std::set<Loss>> expected = {
      {"hard-label", {Loss::kGroundTruth}},
      {"soft-label", {Loss::kLogit}},
      {"hidden", {Loss::kLogit, Loss::kHiddenState}},
      {"ternarybert", {Loss::kLogit, Loss::kHiddenState, Loss::kAttentionScore}},
      {"map", {Loss::kLogit, Loss::kHiddenState, Loss::kAttentionMap}},
      {"output", {Loss::kLogit, Loss::kHiddenState, Loss::kAttentionOutput}},
      {"unified", {Loss::kLogit, Loss::kHiddenState, Loss::kAttentionMap, Loss::kAttentionOutput}},
  };
  ASSERT_EQ(recipe_names().size(), expected.size());
  for (const std::string& name : recipe_names()) {
    const ObjectiveConfig config{.recipe = find_recipe(name), .gamma = {}, .weights = {}, .layers = {}};
    for (const Loss loss : kLosses) {
      EXPECT_EQ(config.weight_of(loss), expected.at(name).contains(loss) ? 1.0 : 0.0)
          << name << ", " << name_of(loss);
    }
  }
}

TEST(ObjectiveConfigTest, NamesLeadToTheirRecipesAndBack) {
  EXPECT_THAT(recipe_names(),
              ElementsAre("hard-label", "soft-label", "hidden", "ternarybert", "map", "output", "unified"));
  for (const std::string& name : recipe_names()) EXPECT_EQ(name_of(find_recipe(name)), name);
  EXPECT_EQ(find_recipe("ternarybert"), Recipe::kTernaryBert);
  EXPECT_THAT(
      [] { find_recipe("ternary"); },
      ThrowsMessage<base::InvalidArgument>("objective: expected one of hard-label, soft-label, hidden, "
                                           "ternarybert, map, output, unified, found 'ternary'"));
}

TEST(ObjectiveConfigTest, LossesHaveTheNamesOfTheirSignals) {
  std::vector<std::string_view> names;
  for (const Loss loss : kLosses) names.push_back(name_of(loss));
  EXPECT_THAT(names, ElementsAre("ground_truth", "logit", "hidden_state", "attention_score", "attention_map",
                                 "context", "attention_output", "sa_output"));
}

TEST(ObjectiveConfigTest, GammaSharesUnifiedBetweenMapAndOutput) {
  ObjectiveConfig config;
  config.gamma = 0.3;
  EXPECT_EQ(config.weight_of(Loss::kAttentionMap), 0.3);
  EXPECT_EQ(config.weight_of(Loss::kAttentionOutput), 0.7);
  EXPECT_EQ(config.weight_of(Loss::kLogit), 1.0);
  EXPECT_EQ(config.weight_of(Loss::kHiddenState), 1.0);
}

TEST(ObjectiveConfigTest, AGivenWeightGoesBeforeRecipeAndGamma) {
  ObjectiveConfig config;
  config.gamma = 0.3;
  set_weight(config, Loss::kAttentionMap, 5.0);
  set_weight(config, Loss::kLogit, 0.0);
  set_weight(config, Loss::kContext, 0.25);
  EXPECT_EQ(config.weight_of(Loss::kAttentionMap), 5.0);
  EXPECT_EQ(config.weight_of(Loss::kAttentionOutput), 0.7);
  EXPECT_EQ(config.weight_of(Loss::kLogit), 0.0);
  EXPECT_EQ(config.weight_of(Loss::kContext), 0.25);
}

TEST(CheckObjectiveTest, AcceptsEveryRecipeAndTheEndsOfItsRanges) {
  for (const std::string& name : recipe_names()) {
    EXPECT_NO_THROW(check({.recipe = find_recipe(name), .gamma = {}, .weights = {}, .layers = {}}, 2))
        << name;
  }
  for (const double gamma : {0.0, 1.0}) {
    EXPECT_NO_THROW(check({.gamma = gamma, .weights = {}, .temperature = kInfinity, .layers = {}}, 2));
  }
}

void expect_refused(const ObjectiveConfig& config, const std::string& message) {
  EXPECT_THAT([&] { check(config, 2); }, ThrowsMessage<base::InvalidArgument>(message));
}

TEST(CheckObjectiveTest, RefusesGammaOutsideOfItsRangeOrWithoutUnified) {
  ObjectiveConfig config;
  config.gamma = 1.5;
  expect_refused(config, "gamma: expected 0 to 1, found 1.5");
  config.gamma = std::nan("");
  expect_refused(config, "gamma: expected 0 to 1, found nan");
  config = {.recipe = Recipe::kMap, .gamma = 0.5, .weights = {}, .layers = {}};
  expect_refused(config, "gamma: expected the objective unified, found map");
}

TEST(CheckObjectiveTest, RefusesWeightsThatAreNegativeOrNotFinite) {
  for (const auto& [weight, text] :
       {std::pair(-0.5, "-0.5"), std::pair(kInfinity, "inf"), std::pair(std::nan(""), "nan")}) {
    ObjectiveConfig config;
    set_weight(config, Loss::kSaOutput, weight);
    expect_refused(config, base::concat("weight of sa_output: expected 0 or more, found ", text));
  }
}

TEST(CheckObjectiveTest, RefusesAnObjectiveOfNothing) {
  ObjectiveConfig config{.recipe = Recipe::kSoftLabel, .gamma = {}, .weights = {}, .layers = {}};
  set_weight(config, Loss::kLogit, 0.0);
  expect_refused(config, "objective: expected a loss with a weight above 0, found none");
}

TEST(CheckObjectiveTest, RefusesATemperatureThatIsNotAboveZero) {
  for (const auto& [temperature, text] :
       {std::pair(0.0, "0"), std::pair(-1.0, "-1"), std::pair(std::nan(""), "nan")}) {
    ObjectiveConfig config;
    config.temperature = temperature;
    expect_refused(config, base::concat("temperature: expected more than 0, found ", text));
  }
}

TEST(CheckObjectiveTest, RefusesLayersThatTheEncoderDoesNotHave) {
  ObjectiveConfig config;
  config.layers = parse_layers("0,2");
  expect_refused(config, "distilled layers: expected 0 to 1, found 2");
}

TEST(ComputeObjectiveTest, TotalIsTheWeightedSumAndItsLossesAreThoseWithAWeight) {
  RandomSignals signals;
  ObjectiveConfig config;
  config.gamma = 0.25;
  config.temperature = 2.0;
  set_weight(config, Loss::kGroundTruth, 3.0);
  set_weight(config, Loss::kHiddenState, 0.0);
  const ObjectiveResult result = compute_objective(config, signals.inputs(), class_ids());
  std::vector<Loss> losses;
  double expected = 0.0;
  for (const NamedLoss& loss : result.losses) {
    losses.push_back(loss.loss);
    const double value = compute_loss(loss.loss, signals.inputs(), class_ids(), 2.0).total.item<double>();
    EXPECT_EQ(loss.value.total.item<double>(), value);
    expected += config.weight_of(loss.loss) * value;
  }
  EXPECT_THAT(losses,
              ElementsAre(Loss::kGroundTruth, Loss::kLogit, Loss::kAttentionMap, Loss::kAttentionOutput));
  EXPECT_NEAR(result.total.item<double>(), expected, 1e-12 * expected);
}

TEST(ComputeObjectiveTest, GradientsAreTheWeightedSums) {
  RandomSignals of_objective;
  ObjectiveConfig config;
  set_weight(config, Loss::kAttentionOutput, 2.5);
  compute_objective(config, of_objective.inputs(), {}).total.backward();
  RandomSignals of_loss;
  compute_loss(Loss::kAttentionOutput, of_loss.inputs(), {}, 1.0).total.backward();
  EXPECT_TRUE(tests::all_within(of_objective.student.attention_output[0].grad(),
                                2.5 * of_loss.student.attention_output[0].grad(), 1e-15));
}

TEST(ComputeLossTest, OnlyGroundTruthNeedsLabels) {
  RandomSignals signals;
  for (const Loss loss : kLosses) {
    if (loss == Loss::kGroundTruth) {
      EXPECT_THAT([&] { compute_loss(loss, signals.inputs(), {}, 1.0); },
                  ThrowsMessage<base::InvalidArgument>("labels: expected one a sentence, found none"));
    } else {
      EXPECT_TRUE(std::isfinite(compute_loss(loss, signals.inputs(), {}, 1.0).total.item<double>()))
          << name_of(loss);
    }
  }
}

TEST(ComputeLossTest, PredictionsHaveOneTerm) {
  RandomSignals signals;
  for (const Loss loss : {Loss::kGroundTruth, Loss::kLogit}) {
    const LayerLoss value = compute_loss(loss, signals.inputs(), class_ids(), 1.0);
    ASSERT_EQ(value.terms.size(), 1U);
    EXPECT_EQ(value.terms[0].item<double>(), value.total.item<double>());
  }
}

}  // namespace
}  // namespace kdqat::distill
