#include "kdqat/cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <sstream>
#include <streambuf>
#include <string>
#include <vector>

namespace kdqat::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ProgressTest : public ::testing::Test {
 protected:
  ProgressOptions options(bool terminal, std::int64_t total = 100) {
    return {.title = "distil", .total = total, .terminal = terminal, .columns = 80, .clock = [this] {
              return now_;
            }};
  }

  std::vector<std::string> lines() const {
    std::istringstream text(stream_.str());
    std::vector<std::string> all;
    for (std::string line; std::getline(text, line);) all.push_back(line);
    return all;
  }

  /// What the terminal shows after each redraw: the texts between a carriage return and "erase to the end".
  std::vector<std::string> redraws() const {
    const std::string text = stream_.str();
    std::vector<std::string> all;
    for (std::size_t at = text.find('\r'); at != std::string::npos; at = text.find('\r', at + 1)) {
      all.push_back(text.substr(at + 1, text.find("\x1b[K", at) - at - 1));
    }
    return all;
  }

  double now_ = 1000.0;
  std::ostringstream stream_;
};

TEST_F(ProgressTest, PlainLinesComeAtIntervalsAndAtTheEnd) {
  Progress progress(stream_, options(/*terminal=*/false));
  for (int step = 1; step <= 100; ++step) {
    now_ += 0.25;
    progress.update(step, "loss 1.5");
  }
  progress.finish("loss 0.5");

  EXPECT_THAT(lines(), ElementsAre("distil  1/100 (1 %)  loss 1.5  0:00 elapsed, 0:24 left",
                                   "distil  41/100 (41 %)  loss 1.5  0:10 elapsed, 0:14 left",
                                   "distil  81/100 (81 %)  loss 1.5  0:20 elapsed, 0:04 left",
                                   "distil  100/100 (100 %)  loss 0.5  0:25 elapsed"));
}

TEST_F(ProgressTest, TerminalIsRedrawnAtMostTenTimesASecond) {
  now_ = 0.0;
  Progress progress(stream_, options(/*terminal=*/true));
  for (int step = 1; step <= 64; ++step) {
    now_ += 1.0 / 64.0;
    progress.update(step, "");
  }
  // A step takes 1/64 s, so a redraw falls on every seventh: the steps 1, 8, 15 ... 64.
  EXPECT_EQ(redraws().size(), 10U);
  EXPECT_THAT(stream_.str(), Not(HasSubstr("\n")));
}

TEST_F(ProgressTest, TerminalLineHoldsBarShareCountStatusAndTimes) {
  Progress progress(stream_, options(/*terminal=*/true));
  now_ += 30.0;
  progress.update(50, "loss 1.5");

  ASSERT_EQ(redraws().size(), 1U);
  EXPECT_EQ(redraws()[0], "distil  [==========>         ]  50 %  50/100  loss 1.5  0:30 elapsed, 0:30 left");
}

TEST_F(ProgressTest, TerminalLineIsCutToItsWidthWithTheTimesKeptLongest) {
  for (const int columns : {1, 2, 10, 30, 50, 60, 79, 200}) {
    stream_.str("");
    ProgressOptions narrow = options(/*terminal=*/true);
    narrow.columns = columns;
    Progress progress(stream_, narrow);
    now_ += 30.0;
    progress.update(50, "loss 1.500  lr 2.0e-05  5,120 tokens/s");
    EXPECT_LT(redraws().at(0).size(), static_cast<std::size_t>(columns));
    if (columns >= 50) {
      EXPECT_THAT(redraws()[0], HasSubstr("0:30 left"));
    }
  }
}

TEST_F(ProgressTest, CutsBetweenCharactersOfMoreThanOneByte) {
  ProgressOptions narrow = options(/*terminal=*/true);
  narrow.title = "ééééé";
  narrow.columns = 4;
  Progress progress(stream_, narrow);
  progress.update(1, "");
  EXPECT_THAT(redraws(), ElementsAre("ééé"));
}

TEST_F(ProgressTest, RemainingTimeFollowsTheRecentRate) {
  Progress progress(stream_, options(/*terminal=*/false, /*total=*/1000));
  for (int step = 1; step <= 100; ++step) {  // slow at first: ten seconds a step
    now_ += 10.0;
    progress.update(step, "");
  }
  for (int step = 101; step <= 300; ++step) {  // then one a second, for more than the window of a minute
    now_ += 1.0;
    progress.update(step, "");
  }
  EXPECT_THAT(lines().back(),
              HasSubstr("300/1000 (30 %)  20:00 elapsed, 11:40 left"));  // 700 steps, 1 s each
}

TEST_F(ProgressTest, StepsOfAnEarlierRunDoNotCountIntoTheRate) {
  ProgressOptions resumed = options(/*terminal=*/false);
  resumed.done = 80;
  Progress progress(stream_, resumed);
  now_ += 20.0;
  progress.update(90, "");
  EXPECT_THAT(lines(), ElementsAre("distil  90/100 (90 %)  0:20 elapsed, 0:20 left"));
}

TEST_F(ProgressTest, UnknownTotalLeavesShareAndRemainingTimeOut) {
  Progress plain(stream_, options(/*terminal=*/false, /*total=*/0));
  now_ += 5.0;
  plain.update(7, "reading");
  EXPECT_THAT(lines(), ElementsAre("distil  7  reading  0:05 elapsed"));

  Progress drawn(stream_, options(/*terminal=*/true, /*total=*/0));
  now_ += 5.0;
  drawn.update(7, "reading");
  EXPECT_THAT(redraws(), ElementsAre("distil  7  reading  0:05 elapsed"));
}

TEST_F(ProgressTest, MessageStandsOnALineOfItsOwnAboveTheBar) {
  Progress progress(stream_, options(/*terminal=*/true));
  progress.message("first");
  now_ += 1.0;
  progress.update(1, "");
  progress.message("best so far");
  EXPECT_THAT(stream_.str(),
              AllOf(StartsWith("first\n\rdistil"), HasSubstr("\r\x1b[Kbest so far\n\rdistil")));
}

TEST_F(ProgressTest, NothingIsWrittenAfterFinish) {
  Progress progress(stream_, options(/*terminal=*/false));
  progress.update(100, "");
  progress.finish("done");
  const std::string text = stream_.str();
  now_ += 100.0;
  progress.update(101, "");
  progress.finish("again");
  EXPECT_EQ(stream_.str(), text);
}

TEST_F(ProgressTest, BrokenOffWorkLeavesTheCursorOnANewLine) {
  {
    Progress progress(stream_, options(/*terminal=*/true));
    progress.update(1, "");
  }
  EXPECT_EQ(stream_.str().back(), '\n');
}

/// A stream's buffer that takes nothing, as a closed pipe does.
class ClosedBuffer : public std::streambuf {
 protected:
  int_type overflow(int_type) override { return traits_type::eof(); }
  int sync() override { return -1; }
};

TEST_F(ProgressTest, ClosedStreamEndsTheDisplayAndThrowsNothing) {
  ClosedBuffer closed;
  std::ostream stream(&closed);
  stream.exceptions(std::ios::badbit | std::ios::failbit);
  for (const bool terminal : {false, true}) {
    EXPECT_NO_THROW({
      Progress progress(stream, options(terminal));
      progress.update(1, "loss 1.5");
      progress.message("best so far");
      progress.finish("done");
    });
  }
}

}  // namespace
}  // namespace kdqat::cli
