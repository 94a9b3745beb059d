#include "kdqat/base/file_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "kdqat/base/error.h"
#include "tests/base/temporary_directory.h"

namespace kdqat::base {
namespace {

using ::testing::StartsWith;
using ::testing::ThrowsMessage;

TEST(FileLockTest, HasOneHolderAtATime) {
  const test::TemporaryDirectory directory;
  std::optional<FileLock> first = FileLock::try_acquire(directory / "lock");
  ASSERT_TRUE(first);
  EXPECT_FALSE(FileLock::try_acquire(directory / "lock"));
  EXPECT_TRUE(FileLock::try_acquire(directory / "another"));

  FileLock moved = *std::move(first);
  first.reset();
  EXPECT_FALSE(FileLock::try_acquire(directory / "lock"));
  moved = *FileLock::try_acquire(directory / "another");
  EXPECT_TRUE(FileLock::try_acquire(directory / "lock"));
}

TEST(FileLockTest, EndsWithAProcessThatIsKilled) {
  const test::TemporaryDirectory directory;
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::optional<FileLock> lock = FileLock::try_acquire(directory / "lock");
    const char held = lock ? 'y' : 'n';
    if (::write(pipe[1], &held, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char held = ' ';
  ASSERT_EQ(::read(pipe[0], &held, 1), 1);
  EXPECT_EQ(held, 'y');
  EXPECT_FALSE(FileLock::try_acquire(directory / "lock"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(FileLock::try_acquire(directory / "lock"));
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST(FileLockTest, NamesTheFileThatCanNotBeLocked) {
  EXPECT_THAT([] { FileLock::try_acquire("/nowhere/lock"); },
              ThrowsMessage<IoError>(StartsWith("/nowhere/lock: cannot lock: ")));
}

}  // namespace
}  // namespace kdqat::base
