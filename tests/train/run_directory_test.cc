#include "kdqat/train/run_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "tests/base/temporary_directory.h"

namespace kdqat::train {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

namespace fs = std::filesystem;

class RunDirectoryTest : public ::testing::Test {
 protected:
  void write(const fs::path& name, const std::string& content = "x") const {
    fs::create_directories((run_.path() / name).parent_path());
    base::write_file_atomically(run_.path() / name, content);
  }

  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(run_.path())) {
      names.insert(fs::relative(entry.path(), run_.path()).string());
    }
    return names;
  }

  void expect_taken(bool resume, bool overwrite, const std::string& message) const {
    EXPECT_THAT([&] { run_.check_free(resume, overwrite); },
                ThrowsMessage<base::InvalidArgument>(run_.path().string() + message));
  }

  test::TemporaryDirectory temporary_;
  RunDirectory run_{temporary_ / "run"};
};

TEST_F(RunDirectoryTest, NamesItsFiles) {
  EXPECT_EQ(run_.checkpoint(), temporary_ / "run/checkpoint.safetensors");
  EXPECT_EQ(run_.metrics(), temporary_ / "run/metrics.jsonl");
  EXPECT_EQ(run_.last(), temporary_ / "run/last");
}

TEST_F(RunDirectoryTest, APathOfNothingOrAnEmptyDirectoryIsFree) {
  for (const bool resume : {false, true}) EXPECT_NO_THROW(run_.check_free(resume, /*overwrite=*/false));
  EXPECT_FALSE(fs::exists(run_.path()));
  fs::create_directory(run_.path());
  for (const bool resume : {false, true}) EXPECT_NO_THROW(run_.check_free(resume, /*overwrite=*/false));
}

TEST_F(RunDirectoryTest, FilesOfARunAreTakenUnlessResumedOrOverwritten) {
  write("metrics.jsonl");
  expect_taken(false, false,
               ": expected a new or empty directory, found files: go on with --resume, or start anew with "
               "--overwrite");
  EXPECT_NO_THROW(run_.check_free(/*resume=*/true, /*overwrite=*/false));
  EXPECT_NO_THROW(run_.check_free(/*resume=*/false, /*overwrite=*/true));
  EXPECT_THAT(files(), ElementsAre("metrics.jsonl"));
}

TEST_F(RunDirectoryTest, OtherFilesCanNotBeResumed) {
  write("notes.txt");
  expect_taken(true, false, ": expected the directory of a run with metrics.jsonl, found other files");
}

TEST_F(RunDirectoryTest, AFileIsTakenWhateverIsAskedFor) {
  base::write_file_atomically(run_.path(), "x");
  expect_taken(false, false, ": expected a directory, found a file");
  expect_taken(true, false, ": expected a directory, found a file");
  expect_taken(false, true, ": expected a directory, found a file");
}

TEST_F(RunDirectoryTest, ToResumeAndToOverwriteExcludeEachOther) {
  EXPECT_THAT([&] { run_.check_free(/*resume=*/true, /*overwrite=*/true); },
              ThrowsMessage<base::InvalidArgument>("expected --resume or --overwrite, found both"));
}

TEST_F(RunDirectoryTest, IsNotWhereTheModelIsReadFrom) {
  write("last/config.json");
  const std::string message = base::concat(
      run_.path().string(), ": expected another directory than that of the model which is read, found ");
  for (const fs::path& model : {run_.path(), run_.last(), run_.path() / "last" / ".."}) {
    EXPECT_THAT([&] { run_.check_apart_from(model); },
                ThrowsMessage<base::InvalidArgument>(message + model.string()));
  }
  EXPECT_NO_THROW(run_.check_apart_from(temporary_.path()));
  EXPECT_NO_THROW(run_.check_apart_from(temporary_ / "none"));
}

constexpr const char* kEnd =
    R"({"kind": "end", "status": "done", "step": 9, "best_step": 7, "best_score": 0.5, "last_score": 0.25})";

TEST_F(RunDirectoryTest, TheEndRecordIsTheLastLineOfARunThatHasEnded) {
  write("metrics.jsonl", base::concat("{\"kind\": \"run\"}\n", kEnd, "\n"));
  write("model.safetensors");
  ASSERT_TRUE(run_.end_record());
  EXPECT_EQ(run_.end_record()->best_step, 7);
}

TEST_F(RunDirectoryTest, ARunThatGoesOnHasNoEndRecord) {
  EXPECT_FALSE(run_.end_record());
  write("model.safetensors");
  EXPECT_FALSE(run_.end_record());
  for (const std::string content :
       {"", "{\"kind\": \"step\"}\n", "{\"kind\": \"end\", \"status\": \"stopped\"}\n",
        "{\"kind\": \"end\", \"sta", "[1]\n"}) {
    write("metrics.jsonl", content);
    EXPECT_FALSE(run_.end_record()) << content;
  }
  write("metrics.jsonl", base::concat(kEnd, "\n{\"kind\": \"step\"}\n"));
  EXPECT_FALSE(run_.end_record());
  write("metrics.jsonl", base::concat(kEnd, "\n"));
  EXPECT_TRUE(run_.end_record());
  write("checkpoint.safetensors");
  EXPECT_FALSE(run_.end_record());
}

TEST_F(RunDirectoryTest, StartingAnewCreatesTheDirectoryAndItsParents) {
  const RunDirectory nested(temporary_ / "a" / "b");
  nested.start_anew();
  EXPECT_TRUE(fs::is_directory(nested.path()));
}

TEST_F(RunDirectoryTest, StartingAnewTakesAwayWhatARunWritesAndNothingElse) {
  for (const char* name :
       {"checkpoint.safetensors", "checkpoint.safetensors.tmp", "metrics.jsonl", "report.html", "README.md",
        "model.safetensors", "config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json",
        "special_tokens_map.json", "vocab.json", "merges.txt", "last/model.safetensors", "last/config.json",
        "last/vocab.txt", "last/README.md"}) {
    write(name);
  }
  write("notes.txt");
  write("other/model.safetensors");
  run_.start_anew();
  EXPECT_THAT(files(), ElementsAre("notes.txt", "other", "other/model.safetensors"));
}

TEST_F(RunDirectoryTest, StartingAnewKeepsWhatSomebodyPutIntoLast) {
  write("last/model.safetensors");
  write("last/notes.txt");
  run_.start_anew();
  EXPECT_THAT(files(), ElementsAre("last", "last/notes.txt"));
}

TEST_F(RunDirectoryTest, ADirectoryThatCanNotBeMadeIsAnError) {
  base::write_file_atomically(run_.path(), "x");
  const RunDirectory below(run_.path() / "below");
  EXPECT_THAT(
      [&] { below.start_anew(); },
      ThrowsMessage<base::IoError>(StartsWith(below.path().string() + ": can't create the directory: ")));
}

TEST_F(RunDirectoryTest, RemovingTheCheckpointAlsoRemovesAHalfWrittenOne) {
  run_.start_anew();
  EXPECT_NO_THROW(run_.remove_checkpoint());
  write("checkpoint.safetensors");
  write("checkpoint.safetensors.tmp");
  run_.remove_checkpoint();
  EXPECT_THAT(files(), IsEmpty());
}

}  // namespace
}  // namespace kdqat::train
