#include "kdqat/report/study_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/file.h"
#include "kdqat/report/study_report.h"
#include "tests/base/temporary_directory.h"
#include "tests/report/sample_study.h"

namespace kdqat::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(StudyTableTest, HasARowAVariantAndLeavesOutWhatNobodyHas) {
  nlohmann::json task = test::sample_study().at("tasks")[0];
  const Table table = study_table(task);
  EXPECT_THAT(table.header, ElementsAre("variant", "runs", "mean", "deviation", "difference", "95 % interval",
                                        "bootstrap p", "McNemar p by seed", "score by seed"));
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_THAT(table.rows[0], ElementsAre("teacher", "1", "0.6250", "", "", "", "", "", "0.6250"));
  EXPECT_THAT(table.rows[2], ElementsAre("distill-layers=0,1", "2", "0.6250", "0.2500", "0.2500",
                                         "-0.1250 to 0.5000", "0.062", "<0.001  1.000", "0.7500  0.5000"));
  task.at("variants").erase(2);
  EXPECT_THAT(study_table(task).header, ElementsAre("variant", "runs", "mean", "deviation", "score by seed"));
}

TEST(StudyTableTest, TextAlignsColumnsAndSaysWhatIsMissing) {
  EXPECT_THAT(
      study_text(test::sample_study()),
      HasSubstr("rte: accuracy on dev (1,277 examples); best models chosen on hold-out\n"
                "variant             runs    mean  deviation  difference  95 % interval      bootstrap p  "
                "McNemar p by seed  score by seed\n"
                "teacher                1  0.6250                                                         "
                "                   0.6250\n"
                "map                    2  0.3750     0.1250                                              "
                "                   0.5000  0.2500\n"));
  EXPECT_THAT(
      study_text(test::sample_study()),
      HasSubstr(
          "own: no run is done\nvariant  runs\nmap         0\n\ndifferences are from map\n\n5 of 10 runs "
          "are done\n"));
}

TEST(StudyTableTest, CsvHasEveryDigitAndQuotesWhatHoldsAComma) {
  EXPECT_EQ(
      study_csv(test::sample_study()),
      "task,variant,runs,mean,deviation,difference,low,high,bootstrap_p,mcnemar_p_by_seed,score_by_seed\n"
      "rte,teacher,1,0.625,,,,,,,0.625\n"
      "rte,map,2,0.375,0.125,,,,,,0.5;0.25\n"
      "rte,\"distill-layers=0,1\",2,0.625,0.25,0.25,-0.125,0.5,0.0625,0.0004;1.0,0.75;0.5\n"
      "own,map,0,,,,,,,,\n");
}

TEST(StudyReportTest, ShowsEachTaskWithItsChartAndTheSettings) {
  const test::TemporaryDirectory directory;
  write_study_report("kdqat study: layers", test::sample_study(), directory / "results.html");
  const std::string html = base::read_file(directory / "results.html");
  EXPECT_THAT(html, HasSubstr("<h1>kdqat study: layers</h1>"));
  EXPECT_THAT(html, HasSubstr("<h2>rte</h2>"));
  EXPECT_THAT(html, HasSubstr("<h2>own</h2>\n<p>own: no run is done.</p>"));
  EXPECT_THAT(html, HasSubstr("variant.distill-layers=0,1.distill-layers"));
  EXPECT_THAT(html, HasSubstr("students.learning_rate"));
  EXPECT_THAT(html, HasSubstr("7:30"));  // five runs of 90 seconds
  EXPECT_THAT(html, HasSubstr("Differences are from map"));
  nlohmann::json plain = test::sample_study();
  plain["baseline"] = nullptr;
  write_study_report("kdqat study: layers", plain, directory / "results.html");
  EXPECT_THAT(base::read_file(directory / "results.html"), Not(HasSubstr("Differences are from")));
}

}  // namespace
}  // namespace kdqat::report
