#include "kdqat/simd/reduce.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <utility>
#include <vector>

#include "tests/simd/random_values.h"

namespace kdqat::simd {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

/// A sum that remembers the blocks that were added, in their order.
struct Blocks {
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;

  Blocks& operator+=(const Blocks& other) {
    ranges.insert(ranges.end(), other.ranges.begin(), other.ranges.end());
    return *this;
  }
};

std::vector<std::pair<std::int64_t, std::int64_t>> blocks_of(std::int64_t count) {
  return sum_of_blocks<Blocks>(count,
                               [](std::int64_t first, std::int64_t last) {
                                 return Blocks{{{first, last}}};
                               })
      .ranges;
}

TEST(SumOfBlocksTest, BlocksHaveAFixedSizeAndAreAddedInTheirOrder) {
  EXPECT_THAT(blocks_of(1), ElementsAre(Pair(0, 1)));
  EXPECT_THAT(blocks_of(kBlock), ElementsAre(Pair(0, kBlock)));
  EXPECT_THAT(blocks_of(kBlock + 1), ElementsAre(Pair(0, kBlock), Pair(kBlock, kBlock + 1)));
  EXPECT_THAT(blocks_of(3 * kBlock),
              ElementsAre(Pair(0, kBlock), Pair(kBlock, 2 * kBlock), Pair(2 * kBlock, 3 * kBlock)));
  EXPECT_THAT(blocks_of(0), ElementsAre(Pair(0, 0)));
}

TEST(SumOfBlocksTest, BlocksDoNotDependOnTheThreadCount) {
  expect_the_same_for_every_thread_count([] { return blocks_of(20 * kBlock + 3); });
}

TEST(AddLanesTest, TheUpperHalfIsAddedToTheLowerOne) {
  // So 1e20 meets -1e20 before it can swallow anything; lane after lane it would swallow the 3.
  std::array<double, kLanes> lanes{};
  lanes[0] = 1e20;
  lanes[1] = 3.0;
  lanes[8] = -1e20;
  lanes[kLanes - 1] = 5.0;
  EXPECT_EQ(add_lanes(lanes), 8.0);
}

TEST(MaxOfLanesTest, FindsTheLargestWhereverItIs) {
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    std::array<float, kLanes> lanes{};
    lanes.fill(-2.0F);
    lanes[lane] = -1.0F;
    EXPECT_EQ(max_of_lanes(lanes), -1.0F) << lane;
  }
}

}  // namespace
}  // namespace kdqat::simd
