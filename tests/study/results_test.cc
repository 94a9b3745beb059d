#include "kdqat/study/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"
#include "tests/study/sample_study.h"

namespace kdqat::study {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const std::vector<double> kLabels(8, 1.0);

/// The first `right` of eight answers are the label.
std::vector<double> answers(std::size_t right) {
  std::vector<double> predictions(8, 0.0);
  std::fill_n(predictions.begin(), right, 1.0);
  return predictions;
}

class StudyResultsTest : public ::testing::Test {
 protected:
  StudyResultsTest() {
    sample_.study.baseline = "ternarybert";
    sample_.finish("rte/ternarybert/42", kLabels, answers(4));
    sample_.finish("rte/ternarybert/52", kLabels, answers(2));
  }

  /// The variant of the task "rte".
  nlohmann::json variant(const std::string& name) const {
    const nlohmann::json results = study_results(sample_.study);
    for (const nlohmann::json& entry : results.at("tasks")[0].at("variants")) {
      if (entry.at("name") == name) return entry;
    }
    return nullptr;
  }

  SampleStudy sample_;
};

TEST_F(StudyResultsTest, HasMeanAndSampleDeviation) {
  const nlohmann::json baseline = variant("ternarybert");
  EXPECT_DOUBLE_EQ(baseline.at("mean"), 0.375);
  // ((0.5 - 0.375)^2 + (0.25 - 0.375)^2) / (2 - 1) = 0.03125
  EXPECT_DOUBLE_EQ(baseline.at("deviation"), 0.17677669529663687);
  EXPECT_EQ(baseline.at("runs").size(), 2U);
  EXPECT_EQ(baseline.at("runs")[1].at("name"), "rte/ternarybert/52");
  EXPECT_EQ(baseline.at("runs")[1].at("selection").at("split"), "hold-out");
  EXPECT_FALSE(baseline.contains("against_baseline"));
}

TEST_F(StudyResultsTest, ComparesOverTheSeedsThatBothHave) {
  sample_.finish("rte/map/52", kLabels, answers(8));
  const nlohmann::json map = variant("map");
  EXPECT_TRUE(map.at("deviation").is_null());
  const nlohmann::json& compared = map.at("against_baseline");
  EXPECT_EQ(compared.at("seeds"), nlohmann::json({52}));
  EXPECT_DOUBLE_EQ(compared.at("difference"), 0.75);
  // Six examples that only map has right: 2 / 2^6.
  EXPECT_NEAR(compared.at("mcnemar_p")[0], 0.03125, 1e-12);
  EXPECT_LE(compared.at("low"), 0.75);
  EXPECT_GE(compared.at("high"), 0.75);
  // No resample draws one of the two that both have right eight times: 4^-8.
  EXPECT_LT(compared.at("bootstrap_p"), 0.01);
}

TEST_F(StudyResultsTest, RunsThatAreNotDoneAreMissing) {
  const nlohmann::json results = study_results(sample_.study);
  EXPECT_EQ(results.at("runs"), nlohmann::json({{"planned", 11}, {"done", 2}}));
  EXPECT_TRUE(variant("map").at("mean").is_null());
  EXPECT_TRUE(variant("map").at("against_baseline").is_null());
  const nlohmann::json& own = results.at("tasks")[1];
  EXPECT_TRUE(own.at("metric").is_null());
  EXPECT_EQ(own.at("reported"), "test");
  EXPECT_EQ(own.at("selection"), "dev");
}

TEST_F(StudyResultsTest, WithoutABaselineThereIsNoComparison) {
  sample_.finish("rte/map/42", kLabels, answers(8));
  sample_.study.baseline.clear();
  EXPECT_FALSE(variant("map").contains("against_baseline"));
  EXPECT_TRUE(study_results(sample_.study).at("baseline").is_null());
}

TEST_F(StudyResultsTest, SaysWhatAllStudentsShareAndWhatEachHasOfItsOwn) {
  const nlohmann::json results = study_results(sample_.study);
  EXPECT_EQ(results.at("students").at("quantization").at("weight_bits"), 2);
  EXPECT_FALSE(results.at("students").at("objective").contains("recipe"));
  EXPECT_EQ(results.at("students").at("objective").at("temperature"), 1.0);
  EXPECT_EQ(results.at("variants")[1],
            nlohmann::json({{"name", "map"}, {"options", {{"objective", "map"}}}}));
}

TEST_F(StudyResultsTest, RefusesRunsOfOtherExamples) {
  sample_.finish("rte/map/42", {1, 0}, {1, 0});
  EXPECT_THAT([&] { study_results(sample_.study); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr(
                  "rte/map/42: expected the 8 reported examples of rte/ternarybert/42, found 2 others")));
}

}  // namespace
}  // namespace kdqat::study
