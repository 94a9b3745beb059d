#include "kdqat/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace kdqat::base {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAreArray;

// The draws are fixed by their seeds, so a test of chance passes or fails for good. The bounds are six
// standard deviations of the statistic: a right generator fails one seed in 5e8, the faults the tests look
// for are far away.
constexpr double kDeviations = 6.0;

// philox4x32 10 in tests/kat_vectors of Random123 (Salmon et al.), words of counter and key from low to high.
TEST(PhiloxTest, GivesTheKnownAnswersOfRandom123) {
  EXPECT_THAT(philox(0, 0, 0), ElementsAre(0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8));
  constexpr std::uint64_t kOnes = 0xFFFFFFFFFFFFFFFF;
  EXPECT_THAT(philox(kOnes, kOnes, kOnes), ElementsAre(0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD));
  EXPECT_THAT(philox(0x299F31D0A4093822, 0x85A308D3243F6A88, 0x0370734413198A2E),
              ElementsAre(0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1));
}

// The words of counters 0 and 1 of key 42 and stream 7, by an implementation in Python from the paper.
TEST(RandomTest, WalksThroughTheCountersOfItsStream) {
  Random random(42, 7);
  std::vector<std::uint32_t> words;
  for (int i = 0; i < 8; ++i) words.push_back(random.next());
  EXPECT_THAT(words, ElementsAre(0x67EE6F2C, 0xE55410CC, 0x6C7ECA35, 0x557398D3, 0xE5DDE940, 0x600F6196,
                                 0x8FCDF8F1, 0x2C8ED839));
}

TEST(RandomTest, ACopyGoesOnFromTheSamePlace) {
  Random random(1);
  random.next();
  Random copy = random;
  for (int i = 0; i < 9; ++i) EXPECT_EQ(copy.next(), random.next()) << i;
}

TEST(RandomTest, StreamsAndSeedsDiffer) {
  EXPECT_NE(Random(1, 0).next(), Random(1, 1).next());
  EXPECT_NE(Random(1, 0).next(), Random(2, 0).next());
}

TEST(RandomTest, BelowOneIsZero) {
  Random random(3);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(random.below(1), 0U);
}

TEST(RandomTest, BelowGivesEachValueEquallyOften) {
  constexpr int kDraws = 70'000;
  constexpr double kShare = 1.0 / 7.0;
  Random random(4);
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[random.below(7)];
  ASSERT_EQ(counts.size(), 7U);
  EXPECT_EQ(counts.rbegin()->first, 6U);
  for (const auto& [value, count] : counts) {
    EXPECT_NEAR(count, kDraws * kShare, kDeviations * std::sqrt(kDraws * kShare * (1 - kShare))) << value;
  }
}

// Of 2^64 words taken modulo 3/4 2^64, the first third of the remainders would come twice as often as the
// others: half of all draws, not a third.
TEST(RandomTest, BelowHasNoBiasForABoundThatDoesNotDivideTheWords) {
  constexpr std::uint64_t kThird = std::uint64_t{1} << 62;
  constexpr int kDraws = 30'000;
  Random random(5);
  int first_third = 0;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint64_t value = random.below(3 * kThird);
    ASSERT_LT(value, 3 * kThird);
    first_third += value < kThird ? 1 : 0;
  }
  EXPECT_NEAR(first_third, kDraws / 3.0, kDeviations * std::sqrt(kDraws * 2.0 / 9.0));
}

TEST(RandomTest, UniformFillsTheUnitIntervalEvenly) {
  constexpr int kBins = 64;
  constexpr int kDraws = 64'000;
  Random random(6);
  std::vector<int> counts(kBins);
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    ++counts[static_cast<std::size_t>(value * kBins)];
  }
  const double expected = static_cast<double>(kDraws) / kBins;
  double chi_squared = 0.0;
  for (const int count : counts) chi_squared += (count - expected) * (count - expected) / expected;
  // Mean kBins - 1, variance 2 (kBins - 1); too even would be as suspect as too uneven.
  EXPECT_NEAR(chi_squared, kBins - 1, kDeviations * std::sqrt(2.0 * (kBins - 1)));
}

TEST(RandomTest, NormalHasTheMomentsOfTheNormalDistribution) {
  constexpr int kDraws = 100'000;
  Random random(7);
  double sum = 0.0;
  double squares = 0.0;
  double fourth_powers = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.normal();
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += value * value;
    fourth_powers += value * value * value * value;
  }
  // Variances of x, x^2 and x^4: 1, 2 and 105 - 9.
  EXPECT_NEAR(sum / kDraws, 0.0, kDeviations * std::sqrt(1.0 / kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0, kDeviations * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(fourth_powers / kDraws, 3.0, kDeviations * std::sqrt(96.0 / kDraws));
}

TEST(RandomTest, ShufflePermutes) {
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  std::vector<int> shuffled = items;
  Random(8).shuffle(shuffled);
  EXPECT_NE(shuffled, items);
  EXPECT_THAT(shuffled, UnorderedElementsAreArray(items));
}

TEST(RandomTest, ShuffleRepeatsItselfForOneSeed) {
  std::string first = "abcdefghij";
  std::string second = first;
  Random(9).shuffle(first);
  Random(9).shuffle(second);
  EXPECT_EQ(first, second);
}

TEST(RandomTest, ShuffleGivesEachOrderEquallyOften) {
  constexpr int kDraws = 60'000;
  constexpr double kShare = 1.0 / 6.0;
  Random random(10);
  std::map<std::string, int> counts;
  for (int i = 0; i < kDraws; ++i) {
    std::string items = "abc";
    random.shuffle(items);
    ++counts[items];
  }
  ASSERT_EQ(counts.size(), 6U);
  for (const auto& [order, count] : counts) {
    EXPECT_NEAR(count, kDraws * kShare, kDeviations * std::sqrt(kDraws * kShare * (1 - kShare))) << order;
  }
}

TEST(RandomTest, ShuffleTakesEmptyAndSingleItems) {
  std::vector<int> items;
  Random(11).shuffle(items);
  EXPECT_TRUE(items.empty());
  items = {5};
  Random(11).shuffle(items);
  EXPECT_THAT(items, ElementsAre(5));
}

}  // namespace
}  // namespace kdqat::base
