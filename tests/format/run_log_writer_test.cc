#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/format/run_log.h"
#include "tests/base/temporary_directory.h"

namespace kdqat::format {
namespace {

using ::testing::ThrowsMessage;

class RunLogWriterTest : public ::testing::Test {
 protected:
  std::string content() const { return base::read_file(path_); }

  test::TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "metrics.jsonl";
};

TEST_F(RunLogWriterTest, WritesALineARecord) {
  RunLogWriter log(path_, 0);
  log.write({{"step", 1}, {"text", "a\nb"}});
  EXPECT_EQ(content(), "{\"step\":1,\"text\":\"a\\nb\"}\n");
  log.write({{"step", 2}});
  EXPECT_EQ(content(), "{\"step\":1,\"text\":\"a\\nb\"}\n{\"step\":2}\n");
  EXPECT_EQ(log.sync(), static_cast<std::int64_t>(content().size()));
}

TEST_F(RunLogWriterTest, BeginsAnewOrGoesOnAfterTheBytesOfACheckpoint) {
  std::int64_t size = 0;
  {
    RunLogWriter log(path_, 0);
    log.write({{"step", 1}});
    size = log.sync();
    log.write({{"step", 2}});
  }
  {
    RunLogWriter log(path_, size);
    EXPECT_EQ(content(), "{\"step\":1}\n");
    log.write({{"step", 3}});
    EXPECT_EQ(log.sync(), 2 * size);
  }
  EXPECT_EQ(content(), "{\"step\":1}\n{\"step\":3}\n");
  const RunLogWriter anew(path_, 0);
  EXPECT_EQ(content(), "");
}

/// While it lives, no file of this process grows beyond `bytes`, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

TEST_F(RunLogWriterTest, ALineThatCanNotBeWrittenIsAnErrorAndLeavesNoHalf) {
  RunLogWriter log(path_, 0);
  {
    const FileSizeLimit limit(16);
    log.write({{"step", 1}});  // 11 bytes
    EXPECT_THAT(
        [&] {
          log.write({{"step", 2}});
        },
        ThrowsMessage<base::IoError>(path_.string() + ": can't write: File too large"));
  }
  EXPECT_EQ(content(), "{\"step\":1}\n");
}

TEST_F(RunLogWriterTest, APathThatCanNotBeWrittenIsAnError) {
  EXPECT_THAT([&] { RunLogWriter(directory_ / "none" / "metrics.jsonl", 0); },
              ThrowsMessage<base::IoError>((directory_ / "none/metrics.jsonl").string() +
                                           ": can't open: No such file or directory"));
}

}  // namespace
}  // namespace kdqat::format
