#include "kdqat/base/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "kdqat/base/error.h"

namespace kdqat::base {
namespace {

using ::testing::Each;
using ::testing::ThrowsMessage;

class ParallelTest : public ::testing::Test {
 protected:
  ~ParallelTest() override { set_num_threads(before_); }

 private:
  const int before_ = num_threads();
};

struct Piece {
  std::int64_t first;
  std::int64_t last;
  std::thread::id thread;
};

/// The pieces that parallel_for cuts a range into.
std::vector<Piece> pieces_of(std::int64_t begin, std::int64_t end, std::int64_t grain) {
  std::mutex mutex;
  std::vector<Piece> pieces;
  parallel_for(begin, end, grain, [&](std::int64_t first, std::int64_t last) {
    const std::lock_guard lock(mutex);
    pieces.push_back({first, last, std::this_thread::get_id()});
  });
  return pieces;
}

TEST_F(ParallelTest, VisitsEveryIndexOnceForAnySizeGrainAndThreadCount) {
  for (const int threads : {1, 2, 3, 7}) {
    set_num_threads(threads);
    for (const std::int64_t size : {1, 2, 3, 5, 7, 13, 97, 1001}) {
      for (const std::int64_t grain : {1, 2, 5, 100}) {
        constexpr std::int64_t kBegin = -3;
        std::vector<int> visits(static_cast<std::size_t>(size), 0);
        for (const Piece& piece : pieces_of(kBegin, kBegin + size, grain)) {
          ASSERT_LT(piece.first, piece.last);
          ASSERT_GE(piece.last - piece.first, std::min(grain, size));
          for (std::int64_t i = piece.first; i < piece.last; ++i) {
            ++visits.at(static_cast<std::size_t>(i - kBegin));
          }
        }
        EXPECT_THAT(visits, Each(1)) << threads << " threads, " << size << " indices, grain " << grain;
      }
    }
  }
}

TEST_F(ParallelTest, CutsIntoAsManyPiecesAsThreads) {
  set_num_threads(3);
  EXPECT_EQ(pieces_of(0, 100, 1).size(), 3U);
  EXPECT_EQ(pieces_of(0, 100, 50).size(), 2U);
  EXPECT_EQ(pieces_of(0, 100, 101).size(), 1U);
}

TEST_F(ParallelTest, AnEmptyRangeCallsNothing) {
  EXPECT_TRUE(pieces_of(5, 5, 1).empty());
  EXPECT_TRUE(pieces_of(5, 4, 1).empty());
}

TEST_F(ParallelTest, ALoopWithinALoopRunsInItsCallersThread) {
  set_num_threads(3);
  std::atomic<int> elsewhere = 0;
  std::atomic<int> inner_indices = 0;
  parallel_for(0, 3, 1, [&](std::int64_t, std::int64_t) {
    const std::thread::id caller = std::this_thread::get_id();
    for (const Piece& piece : pieces_of(0, 30, 1)) {
      if (piece.thread != caller) ++elsewhere;
      inner_indices += static_cast<int>(piece.last - piece.first);
    }
  });
  EXPECT_EQ(elsewhere, 0);
  EXPECT_EQ(inner_indices, 3 * 30);
}

TEST_F(ParallelTest, EachTaskIsTakenOnceForAnyCountOfThreads) {
  for (const int threads : {1, 2, 3, 7}) {
    set_num_threads(threads);
    for (const std::int64_t count : {0, 1, 2, 3, 7, 100}) {
      std::vector<int> visits(static_cast<std::size_t>(count));
      parallel_tasks(count, [&](std::int64_t i) { ++visits.at(static_cast<std::size_t>(i)); });
      EXPECT_THAT(visits, Each(1)) << threads << " threads, " << count << " tasks";
    }
  }
}

TEST_F(ParallelTest, ATaskThatIsLongHoldsUpNoneOfTheOthers) {
  set_num_threads(2);
  std::atomic<int> done = 0;
  parallel_tasks(9, [&](std::int64_t i) {
    // Of two halves cut beforehand, the others of the first one's would come after it, and it waits for them.
    while (i == 0 && done < 8) std::this_thread::yield();
    ++done;
  });
  EXPECT_EQ(done, 9);
}

TEST_F(ParallelTest, AnExceptionOfATaskReachesTheCaller) {
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    std::atomic<int> ended = 0;
    EXPECT_THAT(
        [&] {
          parallel_tasks(100, [&](std::int64_t i) {
            if (i == 5) throw InvalidArgument("the sixth");
            ++ended;
          });
        },
        ThrowsMessage<InvalidArgument>("the sixth"));
    if (threads == 1) {
      EXPECT_EQ(ended, 5) << "tasks after it have begun";
    }
  }
}

TEST_F(ParallelTest, ThreadCountIsWhatWasSet) {
  EXPECT_GE(available_processors(), 1);
  set_num_threads(5);
  EXPECT_EQ(num_threads(), 5);
}

TEST_F(ParallelTest, RefusesLessThanOneThread) {
  EXPECT_THAT([] { set_num_threads(0); },
              ThrowsMessage<InvalidArgument>("number of threads: expected at least 1, found 0"));
}

}  // namespace
}  // namespace kdqat::base
