#include "kdqat/report/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "kdqat/base/error.h"
#include "tests/report/sample_run.h"

namespace kdqat::report {
namespace {

using base::FormatError;
using base::IoError;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

class RunRecordTest : public ::testing::Test {
 protected:
  RunRecord read(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
    return read_run_record(path_);
  }

  void TearDown() override { std::filesystem::remove(path_); }

  // Test programs of one folder may run at the same time: the test's name keeps their files apart.
  const std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) + ".metrics.jsonl");
};

TEST_F(RunRecordTest, ReadsEveryKindOfLine) {
  const RunRecord record = read(test::sample_metrics());
  EXPECT_EQ(record.command, "distill");
  EXPECT_EQ(record.task, "sst-2");
  EXPECT_EQ(record.version, "0.1.0");
  EXPECT_EQ(record.started, "2026-01-02T03:04:05Z");
  EXPECT_EQ(record.config.at("objective").at("gamma"), 0.5);
  EXPECT_EQ(record.model.at("parameters"), 22713986);
  EXPECT_EQ(record.machine.at("threads"), 2);

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

TEST_F(RunRecordTest, EmptyFileIsARunThatRecordedNothing) {
  const RunRecord record = read("");
  EXPECT_THAT(record.steps, SizeIs(0));
  EXPECT_FALSE(record.end);
}

TEST_F(RunRecordTest, UnknownKindsAndKeysAreLeftAlone) {
  const RunRecord record = read(
      "{\"kind\": \"weather\", \"step\": \"rain\"}\n{}\n"
      "{\"kind\": \"step\", \"step\": 1, \"loss\": 2.5, \"mood\": []}\n");
  ASSERT_THAT(record.steps, SizeIs(1));
  EXPECT_EQ(record.steps[0].loss, 2.5);
}

TEST_F(RunRecordTest, NullIsAMissingNumber) {
  const RunRecord record = read(
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

TEST_F(RunRecordTest, DamagedLastLineIsLeftOut) {
  const std::string good = "{\"kind\": \"step\", \"step\": 1, \"loss\": 2.5}\n";
  for (const char* tail :
       {"{", "{\"kind\": \"step\", \"st", "{\"kind\": \"step\", \"step\": 2, \"loss\": 1\n"}) {
    EXPECT_THAT(read(good + tail).steps, SizeIs(1));
  }
}

TEST_F(RunRecordTest, ResumedRunReplacesTheStepsItRepeats) {
  std::string lines;
  for (const int step : {1, 2, 3, 4, 3, 4, 5}) {
    const std::string at = ", \"step\": " + std::to_string(step);
    lines += "{\"kind\": \"step\"" + at + ", \"loss\": " + std::to_string(lines.size()) + "}\n";
    lines += "{\"kind\": \"evaluation\"" + at + ", \"split\": \"dev\", \"score\": 0.5}\n";
    lines += "{\"kind\": \"codes\"" + at + ", \"tensors\": []}\n";
  }
  const RunRecord record = read(lines);
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

TEST_F(RunRecordTest, SplitsOfOneStepStayBesideEachOther) {
  const RunRecord record = read(
      "{\"kind\": \"evaluation\", \"step\": 1, \"split\": \"matched\", \"score\": 0.5}\n"
      "{\"kind\": \"evaluation\", \"step\": 1, \"split\": \"mismatched\", \"score\": 0.6}\n");
  EXPECT_THAT(record.evaluations, SizeIs(2));
}

TEST_F(RunRecordTest, RunThatGoesOnHasNoEnd) {
  const std::string end = "{\"kind\": \"end\", \"step\": 1}\n";
  EXPECT_TRUE(read(end).end);
  EXPECT_FALSE(read(end + "{\"kind\": \"run\"}\n").end);
}

TEST_F(RunRecordTest, MissingFileIsNamed) {
  EXPECT_THAT([&] { read_run_record(path_ / "none.jsonl"); },
              ThrowsMessage<IoError>(HasSubstr("none.jsonl")));
}

TEST_F(RunRecordTest, ErrorsNameFileLineAndMember) {
  struct Case {
    const char* line;
    const char* message;
  };
  for (const Case& bad : {
           Case{"{\"kind\": \"st", "line 2: expected a JSON object, found {\"kind\": \"st"},
           Case{"[1]", "line 2: expected a JSON object, found [1]"},
           Case{"{\"kind\": 5}", "line 2: expected \"kind\" as a text, found 5"},
           Case{"{\"kind\": \"step\"}", "line 2: expected \"step\", found no such member"},
           Case{"{\"kind\": \"step\", \"step\": 1.5}", "expected \"step\" as a whole number, found 1.5"},
           Case{"{\"kind\": \"step\", \"step\": 1, \"loss\": \"low\"}",
                "expected \"loss\" as a number, found \"low\""},
           Case{"{\"kind\": \"step\", \"step\": 1, \"losses\": []}",
                "expected \"losses\" as an object, found []"},
           Case{"{\"kind\": \"step\", \"step\": 1, \"losses\": {\"logit\": true}}",
                "expected \"losses.logit\" as a number, found true"},
           Case{"{\"kind\": \"step\", \"step\": 1, \"layer_losses\": {\"logit\": 1}}",
                "expected \"layer_losses.logit\" as a list, found 1"},
           Case{"{\"kind\": \"evaluation\", \"step\": 1, \"score\": 1, \"best\": 1}",
                "expected \"best\" as true or false, found 1"},
           Case{"{\"kind\": \"codes\", \"step\": 1, \"tensors\": {}}",
                "expected \"tensors\" as a list, found {}"},
           Case{"{\"kind\": \"codes\", \"step\": 1, \"tensors\": [{\"layer\": 0}]}",
                "line 2, tensors[0]: expected \"negative\", found no such member"},
           Case{"{\"kind\": \"run\", \"config\": \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee\"}",
                "found \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddd..."},
       }) {
    EXPECT_THAT([&] { read(std::string("{}\n") + bad.line + "\n{}\n"); },
                ThrowsMessage<FormatError>(AllOf(HasSubstr(path_.string()), HasSubstr(bad.message))));
  }
}

}  // namespace
}  // namespace kdqat::report
