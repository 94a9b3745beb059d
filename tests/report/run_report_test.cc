#include "kdqat/report/run_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "tests/format/sample_run.h"

namespace kdqat::report {
namespace {

using base::IoError;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

class RunReportTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string report(const std::string& metrics) {
    std::ofstream(folder_ / "metrics.jsonl", std::ios::binary) << metrics;
    write_run_report(folder_ / "metrics.jsonl", folder_ / "report.html");
    return base::read_file(folder_ / "report.html");
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string("run_report_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

/// The texts between two marks, wherever they occur.
std::vector<std::string> between(const std::string& text, const std::string& before,
                                 const std::string& after) {
  std::vector<std::string> all;
  for (std::size_t at = text.find(before); at != std::string::npos; at = text.find(before, at)) {
    at += before.size();
    all.push_back(text.substr(at, text.find(after, at) - at));
  }
  return all;
}

std::vector<std::string> sections(const std::string& html) { return between(html, "<h2>", "</h2>"); }

std::vector<json> figures(const std::string& html) {
  std::vector<json> all;
  for (const std::string& text : between(html, "<script type=\"application/json\">", "</script>")) {
    all.push_back(json::parse(text));
  }
  return all;
}

/// The sample's lines, without those of one kind.
std::string sample_without(const std::string& kind) {
  std::istringstream lines(test::sample_metrics());
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    if (json::parse(line).at("kind") != kind) kept += line + '\n';
  }
  return kept;
}

TEST_F(RunReportTest, HasASectionForAllThatWasRecorded) {
  const std::string html = report(test::sample_metrics());
  EXPECT_THAT(sections(html), ElementsAre("Losses", "Score", "Learning rate", "Losses layer by layer",
                                          "Ternary codes", "Model and machine", "Configuration"));
  EXPECT_THAT(figures(html), SizeIs(7));
  EXPECT_THAT(html, HasSubstr("<h1>kdqat distill: sst-2</h1>"));
  EXPECT_THAT(html,
              HasSubstr("<dt>Best score</dt><dd>0.8917</dd><dd class=\"note\">accuracy, step 120</dd>"));
  EXPECT_THAT(html, HasSubstr("<dt>Status</dt><dd>done</dd><dd class=\"note\">step 120</dd>"));
  EXPECT_THAT(html,
              HasSubstr("<dt>Duration</dt><dd>2:00</dd><dd class=\"note\">evaluate 0:20, train 1:40</dd>"));
  EXPECT_THAT(html, HasSubstr("<dt>Speed</dt><dd>5,061</dd>"));
  EXPECT_THAT(html, HasSubstr("<dt>Parameters</dt><dd>22,713,986</dd>"));
  EXPECT_THAT(html, HasSubstr("<dt>Peak memory</dt><dd>1.7 GiB</dd>"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">objective.gamma</th><td>0.5</td>"));
  EXPECT_THAT(html, HasSubstr("<td>A &amp; B &lt;64&gt;</td>"));
}

TEST_F(RunReportTest, AMissingKindLeavesItsFiguresOut) {
  EXPECT_THAT(sections(report(sample_without("run"))), Not(::testing::Contains("Configuration")));
  EXPECT_THAT(sections(report(sample_without("step"))),
              ElementsAre("Score", "Ternary codes", "Model and machine", "Configuration"));
  EXPECT_THAT(sections(report(sample_without("evaluation"))), Not(::testing::Contains("Score")));
  EXPECT_THAT(sections(report(sample_without("codes"))), Not(::testing::Contains("Ternary codes")));
  EXPECT_THAT(report(sample_without("end")),
              HasSubstr("<dd>not finished</dd><dd class=\"note\">step 120</dd>"));
}

TEST_F(RunReportTest, RunThatRecordedNothingHasAPage) {
  const std::string html = report("");
  EXPECT_THAT(sections(html), IsEmpty());
  EXPECT_THAT(html, HasSubstr("not finished"));
}

TEST_F(RunReportTest, TheBestEvaluationIsMarked) {
  const json score = figures(report(sample_without("end"))).at(1);
  const json mark = score.at("data").at(5);
  ASSERT_EQ(mark.at("name"), "mark");
  EXPECT_EQ(mark.at("values"), json::parse(R"([{"x": 120, "y": 0.891667, "label": "best 0.8917"}])"));
}

TEST_F(RunReportTest, LongRunsAreThinned) {
  std::string lines;
  for (int step = 1; step <= 20000; ++step) {
    const double loss = step == 7777 ? 50.0 : 1.0 + 0.1 * (step % 7);
    lines += json({{"kind", "step"}, {"step", step}, {"loss", loss}, {"learning_rate", 1e-5}}).dump() + '\n';
  }
  const json points = figures(report(lines)).at(0).at("data").at(1).at("values");
  std::size_t recorded = 0;
  bool peak = false;
  for (const json& point : points) {
    recorded += point.at("i") == 0 ? 1 : 0;
    peak = peak || point.at("y") == 50.0;
  }
  EXPECT_GT(recorded, 1000U);
  EXPECT_LE(recorded, 2000U);
  EXPECT_TRUE(peak);
}

TEST_F(RunReportTest, LossesOverDecadesHaveALogarithmicAxis) {
  const auto type = [&](double last) {
    const std::string lines = json({{"kind", "step"}, {"step", 1}, {"loss", 10.0}}).dump() + '\n' +
                              json({{"kind", "step"}, {"step", 2}, {"loss", last}}).dump() + '\n';
    return figures(report(lines)).at(0).at("scales").at(1).at("type");
  };
  EXPECT_EQ(type(0.05), "log");
  EXPECT_EQ(type(5.0), "linear");
}

TEST_F(RunReportTest, LayersThatWereNotDistilledAreLeftOut) {
  const json figure = figures(report("{\"kind\": \"step\", \"step\": 1, \"layer_losses\": "
                                     "{\"hidden_state\": [0.5, 1.5, null, 2.5]}}\n"))
                          .at(0);
  const json series = figure.at("data").at(0).at("values");
  ASSERT_THAT(series, SizeIs(3));
  EXPECT_EQ(series[0].at("name"), "embeddings");  // hidden states begin with their output
  EXPECT_EQ(series[1].at("name"), "layer 0");
  EXPECT_EQ(series[2].at("name"), "layer 2");
}

TEST_F(RunReportTest, LayersComeInTheirOrderWhateverTheRecords) {
  json tensors = json::array();
  for (const int layer : {10, 2, 0}) {
    tensors.push_back({{"name", "w"},
                       {"layer", layer},
                       {"role", "query"},
                       {"negative", 0.3},
                       {"zero", 0.4},
                       {"positive", 0.3},
                       {"scale", 0.1}});
  }
  const std::string html = report(json({{"kind", "codes"}, {"step", 1}, {"tensors", tensors}}).dump() + '\n');
  EXPECT_EQ(figures(html).at(0).at("scales").at(1).at("domain"), json({"0", "2", "10"}));
}

TEST_F(RunReportTest, MissingMetricsLeaveNothingBehind) {
  EXPECT_THAT([&] { write_run_report(folder_ / "none.jsonl", folder_ / "report.html"); },
              ThrowsMessage<IoError>(HasSubstr("none.jsonl")));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(RunReportTest, UnwritablePageIsNamed) {
  EXPECT_THAT(
      [&] {
        std::ofstream(folder_ / "metrics.jsonl") << "";
        write_run_report(folder_ / "metrics.jsonl", folder_ / "missing" / "report.html");
      },
      ThrowsMessage<IoError>(HasSubstr("report.html")));
}

}  // namespace
}  // namespace kdqat::report
