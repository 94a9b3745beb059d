#include "kdqat/study/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "kdqat/base/error.h"
#include "tests/study/sample_study.h"

namespace kdqat::study {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class StudyTest : public ::testing::Test {
 protected:
  Study& study() { return sample_.study; }

  void expect_refused(const std::string& message, const std::function<void(Study&)>& change) {
    Study changed = study();
    change(changed);
    EXPECT_THAT([&] { check(changed); }, ThrowsMessage<base::InvalidArgument>(HasSubstr(message)));
  }

  SampleStudy sample_;
};

TEST_F(StudyTest, RunsAreEveryTaskSeedAndVariantATeacherBeforeItsStudents) {
  std::vector<std::string> names;
  for (const StudyRun& run : runs_of(study())) names.push_back(run.name);
  // A ready teacher is one run, whatever the seeds.
  EXPECT_THAT(names, ElementsAre("rte/teacher/42", "rte/ternarybert/42", "rte/map/42", "rte/teacher/52",
                                 "rte/ternarybert/52", "rte/map/52", "own/teacher/42", "own/ternarybert/42",
                                 "own/map/42", "own/ternarybert/52", "own/map/52"));
}

TEST_F(StudyTest, AStudentStartsFromTheTeacherOfItsSeed) {
  const train::DistillConfig config = student_config(sample_.run("rte/map/52"));
  EXPECT_EQ(config.teacher_dir, study().output_dir / "rte/teacher/52");
  EXPECT_EQ(config.training.output_dir, study().output_dir / "rte/map/52");
  EXPECT_EQ(config.training.seed, 52U);
  EXPECT_EQ(config.objective.recipe, distill::Recipe::kMap);
  EXPECT_TRUE(config.training.resume);
  EXPECT_EQ(student_config(sample_.run("own/map/52")).teacher_dir, sample_.root / "encoder");
  EXPECT_EQ(teacher_config(study(), sample_.run("rte/teacher/52")).model_dir, sample_.root / "encoder");
}

TEST_F(StudyTest, WhatSelectsIsNeverWhatIsReported) {
  EXPECT_EQ(splits_of(study().tasks[0]).reported, "dev");
  EXPECT_TRUE(student_config(sample_.run("rte/map/42")).training.hold_out);
  EXPECT_TRUE(teacher_config(study(), sample_.run("rte/teacher/42")).training.hold_out);
  EXPECT_EQ(splits_of(study().tasks[1]).reported, "test");
  EXPECT_FALSE(student_config(sample_.run("own/map/42")).training.hold_out);
}

TEST_F(StudyTest, IsCheckedBeforeAnythingIsTrained) {
  study().baseline = "map";
  EXPECT_NO_THROW(check(study()));
  expect_refused("baseline: expected one of the variants ternarybert, map, found 'output'",
                 [](Study& changed) { changed.baseline = "output"; });
  expect_refused("seeds: expected different ones, found 42 twice", [](Study& changed) {
    changed.seeds = {42, 42};
  });
  expect_refused("seeds: expected at least one, found none", [](Study& changed) { changed.seeds.clear(); });
  expect_refused("tasks: expected at least one, found none", [](Study& changed) { changed.tasks.clear(); });
  expect_refused("variants: expected different names, found 'map' twice",
                 [](Study& changed) { changed.variants.push_back(changed.variants[1]); });
  for (const char* name : {"", "..", "a/b", "teacher"}) {
    expect_refused(base::concat("other than 'teacher', found '", name, "'"),
                   [&](Study& changed) { changed.variants[0].name = name; });
  }
  expect_refused("task rte: expected an encoder or a ready teacher, found both",
                 [](Study& changed) { changed.tasks[0].teacher_dir = "x"; });
  expect_refused("task own: expected an encoder or a ready teacher, found neither",
                 [](Study& changed) { changed.tasks[1].teacher_dir.clear(); });
  expect_refused("task rte, variant map: distilled layers: expected 0 to 3, found 9", [](Study& changed) {
    changed.variants[1].config.objective.layers = distill::parse_layers("9");
  });
}

TEST_F(StudyTest, NeedsTheDataOfEveryTask) {
  std::filesystem::remove(sample_.root / "rte/dev.tsv");
  EXPECT_THAT([&] { check(study()); },
              ThrowsMessage<base::IoError>(HasSubstr("expected a file of split dev of task rte")));
}

class StudyRecordTest : public StudyTest {};

TEST_F(StudyRecordTest, TellsNewRunsFromThoseThatHaveBegunAndAreDone) {
  const StudyRun run = sample_.run("rte/map/42");
  EXPECT_EQ(state_of(study(), run), RunState::kNew);
  base::create_folder(run.dir.parent_path());
  write_record(study(), run, nullptr);
  EXPECT_EQ(state_of(study(), run), RunState::kBegun);
  sample_.finish(run.name, {0, 1}, {0, 0});
  EXPECT_EQ(state_of(study(), run), RunState::kDone);
  EXPECT_EQ(read_record(study(), run)->at("result").at("score"), 0.5);
}

TEST_F(StudyRecordTest, RefusesOtherSettingsThanARunBeganWith) {
  sample_.finish("rte/map/42", {0, 1}, {0, 0});
  study().variants[1].config.training.learning_rate = 1e-4;
  EXPECT_THAT([&] { state_of(study(), sample_.run("rte/map/42")); },
              ThrowsMessage<base::InvalidArgument>(EndsWith(
                  "42.json: a run goes on with the settings that it began with; learning_rate: expected "
                  "2e-05, found 0.0001")));
}

TEST_F(StudyRecordTest, StaysWithTheStudyWhenItsFolderIsMoved) {
  sample_.finish("rte/map/42", {0, 1}, {0, 0});
  std::filesystem::rename(study().output_dir, sample_.root / "elsewhere");
  study().output_dir = sample_.root / "elsewhere";
  EXPECT_EQ(state_of(study(), sample_.run("rte/map/42")), RunState::kDone);
}

TEST_F(StudyRecordTest, RefusesAFileThatIsNoRecord) {
  const StudyRun run = sample_.run("rte/map/42");
  base::create_folder(run.dir.parent_path());
  base::write_file_atomically(record_file(run), "[1]");
  EXPECT_THAT([&] { state_of(study(), run); },
              ThrowsMessage<base::FormatError>(HasSubstr("expected the record of a run")));
}

}  // namespace
}  // namespace kdqat::study
