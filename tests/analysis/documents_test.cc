#include "kdqat/analysis/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"
#include "tests/support/tiny_bert.h"

namespace kdqat::analysis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// The teacher and students of tests/fixtures/tiny-bert on its batch, as a batch file gives them.
class DocumentsTest : public ::testing::Test {
 protected:
  DocumentsTest() {
    config_.batch_file = tests::tiny_bert_file("batch.safetensors");
    inputs_.batches.push_back({.batch = tests::load_tiny_batch(), .tokens = {}});
    inputs_.together = inputs_.batches[0].batch;
  }

  void add_student(const std::string& name) {
    inputs_.students.push_back(
        {.name = name,
         .classifier = tests::load_tiny_bert("student.safetensors", tests::tiny_quantization(2))});
  }

  AnalysisConfig config_;
  AnalysisInputs inputs_{.teacher = tests::load_tiny_bert("teacher.safetensors")};
};

TEST_F(DocumentsTest, OneStudentOfABatchFileStandsAtTheTop) {
  add_student("map");
  const nlohmann::json document = analyze_attention(inputs_, config_);
  EXPECT_EQ(document.at("ranking_loss").size(), 8);  // 2 layers of 4 heads
  EXPECT_FALSE(document.contains("students"));
}

TEST_F(DocumentsTest, SeveralStudentsStandUnderTheirNames) {
  add_student("first");
  add_student("second");
  const nlohmann::json students = analyze_layers(inputs_, config_).at("students");
  EXPECT_EQ(students.size(), 2);
  EXPECT_EQ(students.at("first"), students.at("second"));
}

TEST_F(DocumentsTest, AComparisonWithoutAStudentIsRefused) {
  EXPECT_THAT([&] { analyze_attention(inputs_, config_); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("attention: expected a student to compare")));
}

TEST_F(DocumentsTest, TellsWhenAPartBeginsGoesOnAndEnds) {
  config_.batch_file.clear();
  std::vector<std::string> told;
  config_.on_work = [&](const WorkState& state) {
    told.push_back(base::concat(state.title, ' ', state.done, '/', state.total, state.finished ? "." : ""));
  };
  analyze_range(inputs_, config_);
  EXPECT_THAT(told, ElementsAre("range 0/1", "range 1/1", "range 1/1."));
}

}  // namespace
}  // namespace kdqat::analysis
