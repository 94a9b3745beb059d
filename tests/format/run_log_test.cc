#include "kdqat/format/run_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "kdqat/base/error.h"
#include "tests/format/sample_run.h"

namespace kdqat::format {
namespace {

using base::FormatError;
using base::IoError;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

class RunLogTest : public ::testing::Test {
 protected:
  RunLog read(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
    return read_run_log(path_);
  }

  void TearDown() override { std::filesystem::remove(path_); }

  // Test programs of one folder may run at the same time: the test's name keeps their files apart.
  const std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) + ".metrics.jsonl");
};

TEST_F(RunLogTest, ReadsEveryKindOfLine) {
  const RunLog record = read(test::sample_metrics());
  EXPECT_EQ(record.start.command, "distill");
  EXPECT_EQ(record.start.task, "sst-2");
  EXPECT_EQ(record.start.version, "0.1.0");
  EXPECT_EQ(record.start.started, "2026-01-02T03:04:05Z");
  EXPECT_EQ(record.start.config.at("objective").at("gamma"), 0.5);
  EXPECT_EQ(record.start.model.at("parameters"), 22713986);
  EXPECT_EQ(record.start.machine.at("threads"), 2);

  ASSERT_THAT(record.steps, SizeIs(120));
  const StepRecord& step = record.steps[3];
  EXPECT_EQ(step.step, 4);
  EXPECT_EQ(step.loss, 0.5);
  EXPECT_EQ(step.losses.at("logit"), 0.25);
  EXPECT_THAT(step.layer_losses.at("hidden_state"), ElementsAre(0.25, 0.5, 0.75, 1.0));
  EXPECT_EQ(step.tokens_per_second, 5004.0);
  EXPECT_EQ(record.steps.back().learning_rate, 0.0);

  ASSERT_THAT(record.evaluations, SizeIs(4));
  EXPECT_EQ(record.evaluations[1].step, 60);
  EXPECT_EQ(record.evaluations[1].split, "dev");
  EXPECT_EQ(record.evaluations[1].metric, "accuracy");
  EXPECT_EQ(record.evaluations[1].score, 0.9 - 1.0 / 60);
  EXPECT_TRUE(record.evaluations[1].best);

  ASSERT_THAT(record.codes, SizeIs(2));
  ASSERT_THAT(record.codes[1].tensors, SizeIs(25));
  const TensorCodes& tensor = record.codes[1].tensors[0];
  EXPECT_EQ(tensor.role, "query");
  EXPECT_EQ(tensor.layer, 0);
  EXPECT_EQ(tensor.zero, 0.45);

  ASSERT_TRUE(record.end);
  EXPECT_EQ(record.end->best_step, 120);
  EXPECT_EQ(record.end->best_score, 0.8917);
  EXPECT_EQ(record.end->seconds.at("train"), 100.2);
  EXPECT_EQ(record.end->peak_rss_bytes, 1823456789);
  EXPECT_EQ(record.end->status, "done");
}

TEST_F(RunLogTest, EmptyFileIsARunThatRecordedNothing) {
  const RunLog record = read("");
  EXPECT_THAT(record.steps, SizeIs(0));
  EXPECT_FALSE(record.end);
}

TEST_F(RunLogTest, UnknownKindsAndKeysAreLeftAlone) {
  const RunLog record = read(
      "{\"kind\": \"weather\", \"step\": \"rain\"}\n{}\n"
      "{\"kind\": \"step\", \"step\": 1, \"loss\": 2.5, \"mood\": []}\n");
  ASSERT_THAT(record.steps, SizeIs(1));
  EXPECT_EQ(record.steps[0].loss, 2.5);
}

TEST_F(RunLogTest, NullIsAMissingNumber) {
  const RunLog record = read(
      "{\"kind\": \"step\", \"step\": 1, \"loss\": null, \"losses\": {\"logit\": null}, "
      "\"layer_losses\": {\"context\": [null, 1.5]}}\n"
      "{\"kind\": \"evaluation\", \"step\": 1, \"score\": null}\n");
  ASSERT_THAT(record.steps, SizeIs(1));
  EXPECT_FALSE(record.steps[0].loss);
  EXPECT_THAT(record.steps[0].losses, SizeIs(0));
  EXPECT_TRUE(std::isnan(record.steps[0].layer_losses.at("context")[0]));
  EXPECT_EQ(record.steps[0].layer_losses.at("context")[1], 1.5);
  EXPECT_THAT(record.evaluations, SizeIs(0));
}

TEST_F(RunLogTest, DamagedLastLineIsLeftOut) {
  const std::string good = "{\"kind\": \"step\", \"step\": 1, \"loss\": 2.5}\n";
  for (const char* tail :
       {"{", "{\"kind\": \"step\", \"st", "{\"kind\": \"step\", \"step\": 2, \"loss\": 1\n"}) {
    EXPECT_THAT(read(good + tail).steps, SizeIs(1));
  }
}

TEST_F(RunLogTest, ResumedRunReplacesTheStepsItRepeats) {
  std::string lines;
  for (const int step : {1, 2, 3, 4, 3, 4, 5}) {
    const std::string at = ", \"step\": " + std::to_string(step);
    lines += "{\"kind\": \"step\"" + at + ", \"loss\": " + std::to_string(lines.size()) + "}\n";
    lines += "{\"kind\": \"evaluation\"" + at + ", \"split\": \"dev\", \"score\": 0.5}\n";
    lines += "{\"kind\": \"codes\"" + at + ", \"tensors\": []}\n";
  }
  const RunLog record = read(lines);
  const auto steps_of = [](const auto& records) {
    std::vector<std::int64_t> steps;
    for (const auto& one : records) steps.push_back(one.step);
    return steps;
  };
  EXPECT_THAT(steps_of(record.steps), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(steps_of(record.evaluations), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(steps_of(record.codes), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_GT(record.steps[2].loss, record.steps[1].loss);
}

TEST_F(RunLogTest, SplitsOfOneStepStayBesideEachOther) {
  const RunLog record = read(
      "{\"kind\": \"evaluation\", \"step\": 1, \"split\": \"matched\", \"score\": 0.5}\n"
      "{\"kind\": \"evaluation\", \"step\": 1, \"split\": \"mismatched\", \"score\": 0.6}\n");
  EXPECT_THAT(record.evaluations, SizeIs(2));
}

TEST_F(RunLogTest, RunThatGoesOnHasNoEnd) {
  const std::string end = "{\"kind\": \"end\", \"step\": 1}\n";
  EXPECT_TRUE(read(end).end);
  EXPECT_FALSE(read(end + "{\"kind\": \"run\"}\n").end);
}

TEST_F(RunLogTest, MissingFileIsNamed) {
  EXPECT_THAT([&] { read_run_log(path_ / "none.jsonl"); }, ThrowsMessage<IoError>(HasSubstr("none.jsonl")));
}

TEST_F(RunLogTest, ErrorsNameFileLineAndMember) {
  struct Case {
    const char* line;
    const char* message;
  };
  for (const Case& bad : {
           Case{"{\"kind\": \"st", "line 2: expected JSON in UTF-8, found a syntax error at byte 12"},
           Case{"[1]", "line 2: expected a JSON object, found an array of 1 values"},
           Case{"{\"kind\": 5}", "line 2: kind: expected a string, found 5"},
           Case{"{\"kind\": \"step\"}", "line 2: step: expected an integer, found no such field"},
           Case{"{\"kind\": \"step\", \"step\": 1.5}", "line 2: step: expected an integer, found 1.5"},
           Case{"{\"kind\": \"step\", \"step\": 1, \"loss\": \"low\"}",
                "line 2: loss: expected a number, found \"low\""},
           Case{"{\"kind\": \"step\", \"step\": 1, \"losses\": []}",
                "line 2: losses: expected an object, found an array of 0 values"},
           Case{"{\"kind\": \"step\", \"step\": 1, \"losses\": {\"logit\": true}}",
                "line 2: losses: logit: expected a number, found true"},
           Case{"{\"kind\": \"step\", \"step\": 1, \"layer_losses\": {\"logit\": 1}}",
                "line 2: layer_losses: logit: expected a list of numbers, found 1"},
           Case{"{\"kind\": \"evaluation\", \"step\": 1, \"score\": 1, \"best\": 1}",
                "line 2: best: expected true or false, found 1"},
           Case{"{\"kind\": \"codes\", \"step\": 1, \"tensors\": {}}",
                "line 2: tensors: expected a list, found an object"},
           Case{"{\"kind\": \"codes\", \"step\": 1, \"tensors\": [{\"layer\": 0}]}",
                "line 2: tensors[0]: negative: expected a number, found no such field"},
           Case{"{\"kind\": \"run\", \"config\": \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee\"}",
                "line 2: config: expected an object, found \"aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd"},
       }) {
    EXPECT_THAT([&] { read(std::string("{}\n") + bad.line + "\n{}\n"); },
                ThrowsMessage<FormatError>(AllOf(HasSubstr(path_.string()), HasSubstr(bad.message))));
  }
}

TEST_F(RunLogTest, ReadsWhatWasWritten) {
  const RunStart start{.command = "distill", .task = "rte", .config = {{"seed", 1}}};
  const StepRecord step{.step = 10,
                        .epoch = 0.5,
                        .loss = 2.0,
                        .losses = {{"logit", 2.0}},
                        .layer_losses = {{"context", {std::nan(""), 0.25}}}};
  const EvaluationRecord evaluation{.step = 10,
                                    .split = "dev",
                                    .metric = "f1",
                                    .score = 0.5,
                                    .best = true,
                                    .metrics = {{"f1", 0.5}},
                                    .examples = 7};
  const CodesRecord codes{.step = 10, .tensors = {{.name = "w", .layer = 1, .role = "query", .zero = 1.0}}};
  const RankingRecord ranking{.step = 10, .sentences = 4, .tokens = {{"[CLS]", {0.5, std::nan("")}}}};
  const EndRecord end{.step = 10,
                      .best_step = 10,
                      .best_score = 0.5,
                      .last_score = 0.25,
                      .metric = "f1",
                      .seconds = {{"train", 1.5}},
                      .status = "done"};
  {
    RunLogWriter writer(path_, 0);
    for (const nlohmann::json& line : {to_json(start), to_json(step), to_json(evaluation), to_json(codes),
                                       to_json(ranking), to_json(end)}) {
      writer.write(line);
    }
  }
  const RunLog log = read_run_log(path_);
  EXPECT_EQ(to_json(log.start), to_json(start));
  ASSERT_THAT(log.steps, SizeIs(1));
  EXPECT_EQ(to_json(log.steps[0]), to_json(step));
  EXPECT_TRUE(std::isnan(log.steps[0].layer_losses.at("context")[0]));
  EXPECT_EQ(to_json(log.evaluations.at(0)), to_json(evaluation));
  EXPECT_EQ(to_json(log.codes.at(0)), to_json(codes));
  EXPECT_EQ(to_json(log.rankings.at(0)), to_json(ranking));
  ASSERT_TRUE(log.end);
  EXPECT_EQ(to_json(*log.end), to_json(end));
  EXPECT_EQ(to_json(read_run_start(path_)), to_json(start));
  EXPECT_EQ(to_json(read_run_end(path_).value()), to_json(end));
}

TEST_F(RunLogTest, TheStartIsTheFirstLineOrAnError) {
  for (const char* content : {"", "{\"kind\": \"step\"}\n", "[1]\n", "{\"kind\": \"run\""}) {
    read("");
    std::ofstream(path_, std::ios::binary) << content;
    EXPECT_THAT([&] { read_run_start(path_); },
                ThrowsMessage<FormatError>(path_.string() +
                                           ", line 1: expected the record of a run, found another line"));
  }
}

TEST_F(RunLogTest, AnEndWithoutAScoreIsAnError) {
  read("{\"kind\": \"end\", \"status\": \"done\", \"step\": 1, \"best_score\": 1}\n");
  EXPECT_THAT([&] { read_run_end(path_); },
              ThrowsMessage<FormatError>(path_.string() +
                                         ", last line: last_score: expected a number, found no such field"));
}

}  // namespace
}  // namespace kdqat::format
