#include "kdqat/base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>

#include "kdqat/base/error.h"
#include "tests/base/temporary_directory.h"

namespace kdqat::base {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

void write_plainly(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

class FileTest : public ::testing::Test {
 protected:
  const test::TemporaryDirectory directory_;
  const fs::path path_ = directory_ / "file.bin";
};

TEST_F(FileTest, ReadsEveryByte) {
  const std::string content("a\0\r\n\xFF", 5);
  write_plainly(path_, content);
  EXPECT_EQ(read_file(path_), content);
  EXPECT_EQ(text_of(MappedFile(path_)), content);
}

TEST_F(FileTest, ReadsAnEmptyFile) {
  write_plainly(path_, "");
  EXPECT_EQ(read_file(path_), "");
  EXPECT_THAT(MappedFile(path_).bytes(), IsEmpty());
}

TEST_F(FileTest, ReadsAFileWhoseSizeTheSystemDoesNotState) {
  EXPECT_THAT(read_file("/proc/self/status"), StartsWith("Name:"));
}

TEST_F(FileTest, ReadsAPipeToItsEnd) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const std::string content(300'000, 'x');
  std::thread writer([&] { write_plainly(path_, content); });
  EXPECT_EQ(read_file(path_), content);
  writer.join();
}

TEST_F(FileTest, ReadingAMissingFileNamesItAndTheReason) {
  const std::string expected = path_.string() + ": cannot open: No such file or directory";
  EXPECT_THAT([&] { read_file(path_); }, ThrowsMessage<IoError>(expected));
  EXPECT_THAT([&] { MappedFile{path_}; }, ThrowsMessage<IoError>(expected));
}

TEST_F(FileTest, ReadingADirectoryNamesItAndTheReason) {
  const std::string expected = directory_.path().string() + ": cannot read: Is a directory";
  EXPECT_THAT([&] { read_file(directory_.path()); }, ThrowsMessage<IoError>(expected));
  EXPECT_THAT([&] { MappedFile{directory_.path()}; }, ThrowsMessage<IoError>(expected));
}

TEST_F(FileTest, MappingADeviceIsRefused) {
  EXPECT_THAT([] { MappedFile{"/dev/zero"}; },
              ThrowsMessage<IoError>("/dev/zero: expected a regular file, found a device or pipe"));
}

TEST_F(FileTest, MappedBytesMoveWithTheObject) {
  write_plainly(path_, "first");
  write_plainly(directory_ / "other", "second");
  MappedFile first(path_);
  const std::byte* const address = first.bytes().data();
  MappedFile moved(std::move(first));
  EXPECT_EQ(moved.bytes().data(), address);
  MappedFile assigned(directory_ / "other");
  assigned = std::move(moved);
  EXPECT_EQ(assigned.bytes().data(), address);
  EXPECT_EQ(text_of(assigned), "first");
}

TEST_F(FileTest, MappedBytesOutliveTheReplacementOfTheFile) {
  write_plainly(path_, "old");
  const MappedFile file(path_);
  write_file_atomically(path_, "new");
  EXPECT_EQ(text_of(file), "old");
  EXPECT_EQ(read_file(path_), "new");
}

TEST_F(FileTest, WritesThePiecesInOrderAndLeavesNoOtherFile) {
  write_file_atomically(path_, [](const FileSink& sink) {
    sink(std::as_bytes(std::span("one ", 4)));
    sink({});
    sink(std::as_bytes(std::span("two", 3)));
  });
  EXPECT_EQ(read_file(path_), "one two");
  EXPECT_THAT(names_in(directory_.path()), ElementsAre("file.bin"));
}

TEST_F(FileTest, WritesToARelativePath) {
  const fs::path before = fs::current_path();
  fs::current_path(directory_.path());
  write_file_atomically("plain", "text");
  fs::current_path(before);
  EXPECT_EQ(read_file(directory_ / "plain"), "text");
}

TEST_F(FileTest, ANewFileHasTheUsualPermissions) {
  const mode_t mask = ::umask(0027);
  write_file_atomically(path_, "text");
  ::umask(mask);
  EXPECT_EQ(static_cast<unsigned>(fs::status(path_).permissions()), 0640U);
}

TEST_F(FileTest, TheOldContentStaysUntilTheNewIsComplete) {
  write_plainly(path_, "old");
  write_file_atomically(path_, [&](const FileSink& sink) {
    sink(std::as_bytes(std::span("new", 3)));
    EXPECT_EQ(read_file(path_), "old");
  });
  EXPECT_EQ(read_file(path_), "new");
}

TEST_F(FileTest, AFailingBodyLeavesTheOldFileAndNoOther) {
  write_plainly(path_, "old");
  const auto write = [&] {
    write_file_atomically(path_, [](const FileSink& sink) {
      sink(std::as_bytes(std::span("new", 3)));
      throw std::runtime_error("the body's own");
    });
  };
  EXPECT_THAT(write, ThrowsMessage<std::runtime_error>("the body's own"));
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_THAT(names_in(directory_.path()), ElementsAre("file.bin"));
}

TEST_F(FileTest, WhatAKilledProcessLeftIsOverwritten) {
  write_plainly(directory_ / "file.bin.tmp", "longer than the new content");
  write_file_atomically(path_, "new");
  EXPECT_EQ(read_file(path_), "new");
  EXPECT_THAT(names_in(directory_.path()), ElementsAre("file.bin"));
}

TEST_F(FileTest, TwoWritersOfOneFileAreKeptApart) {
  const std::string expected = path_.string() + ": another process is writing this file";
  write_file_atomically(path_, [&](const FileSink& sink) {
    EXPECT_THAT([&] { write_file_atomically(path_, "second"); }, ThrowsMessage<IoError>(expected));
    sink(std::as_bytes(std::span("first", 5)));
  });
  EXPECT_EQ(read_file(path_), "first");
}

TEST_F(FileTest, ASymbolicLinkIsReplacedAndItsTargetLeftAlone) {
  write_plainly(directory_ / "target", "old");
  fs::create_symlink("target", path_);
  write_file_atomically(path_, "new");
  EXPECT_EQ(read_file(directory_ / "target"), "old");
  EXPECT_EQ(read_file(path_), "new");
  EXPECT_FALSE(fs::is_symlink(path_));
}

TEST_F(FileTest, ATemporaryNameThatIsALinkIsNotWrittenThrough) {
  write_plainly(directory_ / "target", "old");
  fs::create_symlink("target", directory_ / "file.bin.tmp");
  EXPECT_THAT([&] { write_file_atomically(path_, "new"); },
              ThrowsMessage<IoError>(path_.string() + ": cannot write: Too many levels of symbolic links"));
  EXPECT_EQ(read_file(directory_ / "target"), "old");
}

TEST_F(FileTest, WritingOverADirectoryNamesItAndTheReason) {
  EXPECT_THAT([&] { write_file_atomically(directory_.path(), "text"); },
              ThrowsMessage<IoError>(directory_.path().string() + ": cannot write: Is a directory"));
}

// A pipe stands for a device here: were the check broken, the superuser's test would replace /dev/null.
TEST_F(FileTest, WritingToADeviceOrPipeIsRefusedAndLeavesIt) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT([&] { write_file_atomically(path_, "text"); },
              ThrowsMessage<IoError>(path_.string() +
                                     ": cannot write: expected a regular file, found a device or pipe"));
  EXPECT_TRUE(fs::is_fifo(path_));
}

TEST_F(FileTest, WritingIntoAMissingDirectoryNamesTheFileAndTheReason) {
  const fs::path path = directory_ / "missing" / "file";
  EXPECT_THAT([&] { write_file_atomically(path, "text"); },
              ThrowsMessage<IoError>(path.string() + ": cannot write: No such file or directory"));
}

TEST_F(FileTest, AFolderIsCreatedWithThoseAboveIt) {
  create_folder(directory_ / "a/b/c");
  EXPECT_TRUE(fs::is_directory(directory_ / "a/b/c"));
  EXPECT_NO_THROW(create_folder(directory_ / "a/b"));
  write_plainly(directory_ / "file", "x");
  EXPECT_THAT([&] { create_folder(directory_ / "file/below"); },
              ThrowsMessage<IoError>(
                  StartsWith((directory_ / "file/below").string() + ": cannot create the folder: ")));
}

TEST_F(FileTest, WritingBelowAFileNamesTheFileAndTheReason) {
  EXPECT_THAT([&] { write_file_atomically("/dev/null/file", "text"); },
              ThrowsMessage<IoError>("/dev/null/file: cannot write: Not a directory"));
}

TEST_F(FileTest, WritingWithoutPermissionNamesTheFileAndTheReason) {
  constexpr uid_t kNobody = 65534;
  fs::permissions(directory_.path(), fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_exec);
  const uid_t user = ::geteuid();
  // The superuser may write everywhere.
  if (user == 0 && ::seteuid(kNobody) != 0) GTEST_SKIP() << "cannot give up the superuser's rights here";
  EXPECT_THAT([&] { write_file_atomically(path_, "text"); },
              ThrowsMessage<IoError>(path_.string() + ": cannot write: Permission denied"));
  if (user == 0) {
    ASSERT_EQ(::seteuid(user), 0);
  }
  fs::permissions(directory_.path(), fs::perms::owner_all);
}

// A limit on the size of files stands for a full disk: write() fails in the middle, with EFBIG for ENOSPC.
TEST_F(FileTest, AFullDiskLeavesTheOldFileAndNoOther) {
  write_plainly(path_, "old");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{.rlim_cur = 10'000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);

  EXPECT_THAT([&] { write_file_atomically(path_, std::string(20'000, 'x')); },
              ThrowsMessage<IoError>(path_.string() + ": cannot write: File too large"));

  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, previous);
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_THAT(names_in(directory_.path()), ElementsAre("file.bin"));
}

}  // namespace
}  // namespace kdqat::base
