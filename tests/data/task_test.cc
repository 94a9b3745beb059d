#include "kdqat/data/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"
#include "kdqat/data/custom_task.h"

namespace kdqat::data {
namespace {

using ::testing::ElementsAre;
using ::testing::ThrowsMessage;

TEST(TaskTest, KnowsGlueAndNsmc) {
  EXPECT_THAT(task_names(),
              ElementsAre("cola", "sst-2", "mrpc", "sts-b", "qqp", "mnli", "qnli", "rte", "wnli", "nsmc"));
  for (const std::string& name : task_names()) EXPECT_EQ(find_task(name).name, name);
}

TEST(TaskTest, ClassesHaveANameAndASpellingEach) {
  for (const std::string& name : task_names()) {
    const Task task = find_task(name);
    EXPECT_EQ(task.labels.size(), task.label_values.size()) << name;
    EXPECT_EQ(task.labels.empty(), task.kind == TaskKind::kRegression) << name;
  }
}

TEST(TaskTest, ARegressionHasOneOutputAndAClassificationOneAClass) {
  EXPECT_EQ(find_task("sts-b").num_labels(), 1);
  EXPECT_EQ(find_task("rte").num_labels(), 2);
  EXPECT_EQ(find_task("mnli").num_labels(), 3);
}

struct PaperSetting {
  const char* task;
  Metric metric;
  std::int64_t max_seq_length;
  std::int64_t batch_size;
  std::int64_t eval_steps;
};

TEST(TaskTest, DefaultsAreThoseOfThePaper) {
  const PaperSetting settings[] = {
      {"cola", Metric::kMatthews, 64, 16, 50},        {"sst-2", Metric::kAccuracy, 64, 32, 100},
      {"mrpc", Metric::kF1AndAccuracy, 128, 32, 50},  {"sts-b", Metric::kPearsonAndSpearman, 128, 32, 100},
      {"qqp", Metric::kF1AndAccuracy, 128, 32, 1000}, {"mnli", Metric::kAccuracy, 128, 32, 8000},
      {"qnli", Metric::kAccuracy, 128, 32, 1000},     {"rte", Metric::kAccuracy, 128, 32, 20}};
  for (const PaperSetting& expected : settings) {
    const Task task = find_task(expected.task);
    EXPECT_EQ(task.metric, expected.metric) << expected.task;
    EXPECT_EQ(task.max_seq_length, expected.max_seq_length) << expected.task;
    EXPECT_EQ(task.batch_size, expected.batch_size) << expected.task;
    EXPECT_EQ(task.eval_steps, expected.eval_steps) << expected.task;
  }
}

TEST(TaskTest, AnUnknownTaskIsRefusedWithTheKnownOnes) {
  EXPECT_THAT([] { find_task("sst2"); }, ThrowsMessage<base::InvalidArgument>(
                                             "task: expected one of 'cola', 'sst-2', 'mrpc', 'sts-b', 'qqp', "
                                             "'mnli', 'qnli', 'rte', 'wnli', 'nsmc', found 'sst2'"));
}

TEST(MetricNameTest, EveryNameFindsItsMetric) {
  for (const Metric metric : {Metric::kAccuracy, Metric::kF1, Metric::kMacroF1, Metric::kMatthews,
                              Metric::kF1AndAccuracy, Metric::kPearsonAndSpearman}) {
    EXPECT_EQ(find_metric(name_of(metric)), metric);
  }
  EXPECT_EQ(name_of(Metric::kPearsonAndSpearman), "pearson_and_spearman");
}

TEST(MetricNameTest, AnUnknownNameIsRefusedWithTheKnownOnes) {
  EXPECT_THAT([] { find_metric("mcc"); },
              ThrowsMessage<base::InvalidArgument>(
                  "metric: expected one of 'accuracy', 'f1', 'macro_f1', 'matthews', 'f1_and_accuracy', "
                  "'pearson_and_spearman', found 'mcc'"));
}

TEST(TaskJsonTest, EveryKnownTaskComesBackFromItsName) {
  for (const std::string& name : task_names()) {
    EXPECT_EQ(to_json(find_task(name)), nlohmann::json({{"name", name}}));
    EXPECT_EQ(task_from_json(to_json(find_task(name))), find_task(name));
  }
}

TEST(TaskJsonTest, ACustomTaskComesBackWhole) {
  const Task classification = make_custom_task({.text_column = "premise",
                                                .pair_column = "hypothesis",
                                                .label_column = "stars",
                                                .metric = Metric::kMacroF1,
                                                .labels = {"1", "2", "10"}});
  const Task regression = make_custom_task({.regression = true});

  EXPECT_EQ(task_from_json(to_json(classification)), classification);
  EXPECT_EQ(task_from_json(to_json(regression)), regression);
}

TEST(TaskJsonTest, WhatIsNotATaskIsRefusedWithTheField) {
  const nlohmann::json good = to_json(make_custom_task({.pair_column = "pair", .labels = {"a", "b"}}));
  const auto with = [&](const char* field, const nlohmann::json& value) {
    nlohmann::json changed = good;
    changed[field] = value;
    return [changed] { task_from_json(changed, "config.json: task"); };
  };
  using base::FormatError;

  EXPECT_THAT([] { task_from_json("rte", "config.json: task"); },
              ThrowsMessage<FormatError>("config.json: task: expected a JSON object, found \"rte\""));
  EXPECT_THAT([] { task_from_json(nlohmann::json::object(), "config.json: task"); },
              ThrowsMessage<FormatError>("config.json: task: name: expected a string, found no such field"));
  EXPECT_THAT(with("name", 3),
              ThrowsMessage<FormatError>("config.json: task: name: expected a string, found 3"));
  EXPECT_THAT(with("text_column", 3),
              ThrowsMessage<FormatError>("config.json: task: text_column: expected a string, found 3"));
  EXPECT_THAT(with("pair_column", 3),
              ThrowsMessage<FormatError>("config.json: task: pair_column: expected a string, found 3"));
  EXPECT_THAT(with("label_column", nullptr),
              ThrowsMessage<FormatError>("config.json: task: label_column: expected a string, found null"));
  EXPECT_THAT(with("regression", 1),
              ThrowsMessage<FormatError>("config.json: task: regression: expected true or false, found 1"));
  EXPECT_THAT(with("labels", {"a", 1}),
              ThrowsMessage<FormatError>("config.json: task: labels: expected an array of "
                                         "strings, found an array of 2 values"));
  EXPECT_THAT(with("labels", {"a"}),
              ThrowsMessage<FormatError>("config.json: task: labels: expected at least two, "
                                         "found only 'a'"));
  EXPECT_THAT(with("metric", "bleu"), ThrowsMessage<FormatError>(::testing::HasSubstr(
                                          "config.json: task: metric: expected one of 'accuracy'")));
  EXPECT_THAT(
      with("name", "squad"),
      ThrowsMessage<FormatError>(::testing::StartsWith("config.json: task: task: expected one of 'cola'")));
}

}  // namespace
}  // namespace kdqat::data
