#include "kdqat/evaluate/significance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"

namespace kdqat::evaluate {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

double p_value(std::int64_t first, std::int64_t second) {
  return AnswerDifferences{
      .different = first + second, .only_first_right = first, .only_second_right = second}
      .mcnemar_p_value();
}

// Binomial sums by hand: of 3 and 0 pairs 2 / 8; of 1 and 4, 2 (1 + 5) / 32; of equal numbers all. 5 and 15:
// SciPy's binomtest(5, 20).pvalue.
TEST(McNemarTest, PValuesAreThoseOfAFairCoin) {
  EXPECT_NEAR(p_value(3, 0), 0.25, 1e-12);
  EXPECT_NEAR(p_value(1, 4), 0.375, 1e-12);
  EXPECT_NEAR(p_value(4, 1), 0.375, 1e-12);
  EXPECT_EQ(p_value(0, 0), 1.0);
  EXPECT_EQ(p_value(7, 7), 1.0);
  EXPECT_NEAR(p_value(5, 15), 0.04138946533203125, 1e-12);
}

TEST(CompareAnswersTest, CountsWhoIsRightWhereTwoDiffer) {
  const std::vector<double> labels = {0, 1, 2, 0, 1};
  const std::vector<double> first = {0, 1, 0, 1, 1};
  const std::vector<double> second = {0, 0, 1, 0, 2};
  const AnswerDifferences differences = compare_answers(labels, first, second);
  EXPECT_EQ(differences.different, 4);
  EXPECT_EQ(differences.only_first_right, 2);
  EXPECT_EQ(differences.only_second_right, 1);
  EXPECT_THAT([&] { compare_answers(labels, first, std::span(second).first(3)); },
              ThrowsMessage<base::InvalidArgument>("answers to compare: expected 5 of each, found 5 and 3"));
}

/// Ten examples of class 1: `first` has 0 .. 8 right, `second` 0 .. 4 and 9, so 4 examples only the first has
/// right, and 1 only the second.
class BootstrapTest : public ::testing::Test {
 protected:
  ResampledScores scores(const std::vector<double>& predictions, std::int64_t resamples = 20000) const {
    return resample_scores(data::Metric::kAccuracy, labels_, predictions, {.resamples = resamples});
  }

  std::vector<double> labels_ = std::vector<double>(10, 1.0);
  std::vector<double> first_ = {1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
  std::vector<double> second_ = {1, 1, 1, 1, 1, 0, 0, 0, 0, 1};
};

TEST_F(BootstrapTest, HasTheDistributionOfDrawsWithReplacement) {
  const std::vector<ResampledScores> first = {scores(first_)};
  const std::vector<ResampledScores> second = {scores(second_)};
  const PairedDifference result = compare_scores(first, second);
  EXPECT_NEAR(result.difference, 0.3, 1e-12);
  // The difference of a resample is (X - Y) / 10 with (X, Y) multinomial of 10 draws with 0.4 and 0.1. Summed
  // exactly: P(X <= Y) = 0.109152; P(X - Y <= -2) = 0.0145 and P(X - Y <= -1) = 0.0438, P(X - Y <= 6) =
  // 0.9634 and P(X - Y <= 7) = 0.9910. Four standard errors of 20,000 draws are 4 sqrt(0.109 0.891 / 20000) =
  // 0.0088.
  EXPECT_NEAR(result.p_value, 2 * 0.109152, 2 * 0.0088);
  EXPECT_NEAR(result.low, -0.1, 1e-12);
  EXPECT_NEAR(result.high, 0.7, 1e-12);
}

TEST_F(BootstrapTest, IsTurnedRoundWithItsSides) {
  const std::vector<ResampledScores> first = {scores(first_)};
  const std::vector<ResampledScores> second = {scores(second_)};
  const PairedDifference one_way = compare_scores(first, second);
  const PairedDifference other_way = compare_scores(second, first);
  EXPECT_EQ(one_way.p_value, other_way.p_value);
  EXPECT_NEAR(one_way.low, -other_way.high, 1e-12);
}

TEST_F(BootstrapTest, ResamplesArePairedByNumberWhateverTheThreads) {
  const ResampledScores one = scores(first_, 200);
  base::set_num_threads(3);
  EXPECT_EQ(scores(first_, 200).resamples, one.resamples);
  base::set_num_threads(base::available_processors());
  // The same answers in every resample: no difference, whatever was drawn.
  const std::vector<ResampledScores> same = {one};
  const PairedDifference none = compare_scores(same, same);
  EXPECT_EQ(none.p_value, 1.0);
  EXPECT_EQ(none.low, 0.0);
  EXPECT_EQ(none.high, 0.0);
}

TEST_F(BootstrapTest, SeveralRunsCountByTheirMean) {
  // What one pair gains the other loses, in every resample.
  const std::vector<ResampledScores> there = {scores(first_, 500), scores(second_, 500)};
  const std::vector<ResampledScores> back = {scores(second_, 500), scores(first_, 500)};
  const PairedDifference result = compare_scores(there, back);
  EXPECT_NEAR(result.difference, 0.0, 1e-12);
  EXPECT_EQ(result.p_value, 1.0);
}

TEST_F(BootstrapTest, RefusesRunsThatAreNoPairs) {
  const std::vector<ResampledScores> one = {scores(first_, 5)};
  const std::vector<ResampledScores> other = {scores(first_, 6)};
  EXPECT_THAT([&] { compare_scores(one, {}); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("found 1 and 0")));
  EXPECT_THAT(
      [&] { compare_scores(one, other); },
      ThrowsMessage<base::InvalidArgument>("paired scores: expected 5 resamples of every run, found 6"));
  EXPECT_THAT([&] { scores(first_, 0); },
              ThrowsMessage<base::InvalidArgument>("resamples: expected at least 1, found 0"));
}

}  // namespace
}  // namespace kdqat::evaluate
