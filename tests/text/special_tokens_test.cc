#include "kdqat/text/special_tokens.h"

#include <gtest/gtest.h>

namespace kdqat::text {
namespace {

TEST(SpecialTokenFinderTest, FindsTheLeftmostAndThereTheLongest) {
  const SpecialTokenFinder finder({{"[A]", 1}, {"[A][B]", 2}, {"[B]", 3}});
  const auto match = finder.find("x[A][B]", 0);
  ASSERT_NE(match.token, nullptr);
  EXPECT_EQ(match.position, 1U);
  EXPECT_EQ(match.token->id, 2);
}

TEST(SpecialTokenFinderTest, BeginsWhereItIsTold) {
  const SpecialTokenFinder finder({{"[A]", 1}});
  EXPECT_EQ(finder.find("[A][[A]", 0).position, 0U);
  EXPECT_EQ(finder.find("[A][[A]", 1).position, 4U);
}

TEST(SpecialTokenFinderTest, ReachesTheEndWhereThereIsNone) {
  const SpecialTokenFinder finder({{"[A]", 1}});
  const auto match = finder.find("[a] [A", 0);
  EXPECT_EQ(match.token, nullptr);
  EXPECT_EQ(match.position, 6U);
  EXPECT_EQ(SpecialTokenFinder({}).find("[A]", 0).token, nullptr);
}

}  // namespace
}  // namespace kdqat::text
