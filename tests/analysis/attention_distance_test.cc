// Cover length ratio, ranking loss and ranks on rows made by hand.

#include "kdqat/analysis/attention_distance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/analysis/ranking_ratio.h"
#include "kdqat/base/error.h"
#include "tests/support/tiny_bert.h"

namespace kdqat::analysis {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Row = std::vector<float>;

TEST(CoverLengthRatioTest, IsTheDeepestRankOfTheTeachersBestOverTheLength) {
  const Row teacher = {0.1F, 0.5F, 0.3F, 0.1F};
  // The teacher's two best are positions 1 and 2; the student ranks its positions 3, 0, 2, 1.
  EXPECT_EQ(cover_length_ratio(teacher, Row{0.3F, 0.1F, 0.2F, 0.4F}, 2), 3.0 / 4.0);
  EXPECT_EQ(cover_length_ratio(teacher, Row{0.3F, 0.1F, 0.2F, 0.4F}, 1), 3.0 / 4.0);
  EXPECT_EQ(cover_length_ratio(teacher, teacher, 2), 1.0 / 4.0);
  EXPECT_EQ(cover_length_ratio(teacher, teacher, 1), 0.0);
}

TEST(CoverLengthRatioTest, TiesGoByPosition) {
  // All are equal: the teacher's best is position 0, and so is the student's first.
  EXPECT_EQ(cover_length_ratio(Row{0.25F, 0.25F, 0.25F, 0.25F}, Row{0.25F, 0.25F, 0.25F, 0.25F}, 1), 0.0);
  EXPECT_EQ(cover_length_ratio(Row{0.2F, 0.4F, 0.4F}, Row{0.4F, 0.3F, 0.3F}, 1), 1.0 / 3.0);
  EXPECT_EQ(cover_length_ratio(Row{0.2F, 0.3F, 0.5F}, Row{0.4F, 0.3F, 0.3F}, 1), 2.0 / 3.0);
}

TEST(CoverLengthRatioTest, TakesAllTokensOfAShorterRow) {
  EXPECT_EQ(cover_length_ratio(Row{0.5F, 0.5F}, Row{0.9F, 0.1F}, 5), 0.5);
  EXPECT_EQ(cover_length_ratio(Row{1.0F}, Row{1.0F}, 5), 0.0);
}

TEST(RankingLossTest, SumsWhatIsOutOfOrder) {
  // Pairs: (0, 1) teacher down, student up by 0.4; (0, 2) the same by 0.1; (1, 2) both down.
  EXPECT_NEAR(ranking_loss(Row{0.5F, 0.3F, 0.2F}, Row{0.2F, 0.6F, 0.3F}), 0.5, 1e-6);
  EXPECT_EQ(ranking_loss(Row{0.5F, 0.3F, 0.2F}, Row{0.5F, 0.4F, 0.1F}), 0.0);
}

TEST(RankingLossTest, LeavesOutPairsThatAreEqualInTheTeacher) {
  EXPECT_EQ(ranking_loss(Row{0.5F, 0.5F}, Row{0.9F, 0.1F}), 0.0);
  EXPECT_EQ(ranking_loss(Row{0.5F, 0.5F}, Row{0.1F, 0.9F}), 0.0);
}

TEST(AttentionDistanceTest, RowsAndTopKAreChecked) {
  EXPECT_THAT(
      [] {
        ranking_loss(Row{1.0F}, Row{0.5F, 0.5F});
      },
      ThrowsMessage<base::InvalidArgument>(HasSubstr("expected one length, found 1 and 2")));
  EXPECT_THAT([] { cover_length_ratio(Row{}, Row{}, 1); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("expected one length, found 0 and 0")));
  EXPECT_THAT([] { AttentionDistance distance(0); },
              ThrowsMessage<base::InvalidArgument>("top-k: expected at least 1, found 0"));
}

/// Maps of sentences of 1 and 2 tokens, two heads: [1, 1], [1, 1], then [2, 2], [2, 2].
model::Signals signals_of(const Row& values) {
  model::Signals signals;
  signals.attention_map = {torch::tensor(values)};
  return signals;
}

TEST(AttentionDistanceTest, AveragesCoverOverRowsAndRankingOverSentences) {
  const std::vector<std::int64_t> cu_seqlens = {0, 1, 3};
  AttentionDistance distance(1);
  distance.add(signals_of({1, 1, 0.9F, 0.1F, 0.9F, 0.1F, 0.5F, 0.5F, 0.5F, 0.5F}),
               signals_of({1, 1, 0.2F, 0.8F, 0.8F, 0.2F, 0.5F, 0.5F, 0.5F, 0.5F}), cu_seqlens, 2);
  const Statistics cover = distance.cover_length_ratio();
  // Of head 0's three rows one has its best token at rank 1 of 2.
  EXPECT_NEAR(cover.mean[0], 0.5 / 3, 1e-12);
  EXPECT_EQ(cover.mean[1], 0.0);
  // Sentences of 1 and 2 rows with means 0 and 1/4.
  EXPECT_NEAR(cover.deviation[0], std::sqrt(1.0 / 72), 1e-12);
  EXPECT_NEAR(distance.ranking_loss().mean[0], 0.3, 1e-6);
  EXPECT_NEAR(distance.ranking_loss().deviation[0], 0.3, 1e-6);
}

TEST(AttentionDistanceTest, MapsOfOtherSizesAreRefused) {
  AttentionDistance distance(1);
  EXPECT_THAT(
      [&] {
        distance.add(signals_of({1.0F}), signals_of({1.0F, 0.0F}), std::vector<std::int64_t>{0, 1}, 1);
      },
      ThrowsMessage<base::InvalidArgument>(HasSubstr("attention maps of layer 0: expected [1], found [2]")));
  EXPECT_THAT(
      [&] {
        distance.add(signals_of({1.0F}), {}, std::vector<std::int64_t>{0, 1}, 1);
      },
      ThrowsMessage<base::InvalidArgument>("attention maps: expected 1 layers, found 0"));
}

TEST(RankingRatioTest, IsTheMeanRankOfTheTokenOverRows) {
  data::Batch batch;
  batch.input_ids = torch::tensor({7, 5, 7}, torch::kInt64);
  batch.cu_seqlens = {0, 1, 3};
  const model::Signals signals = signals_of({1, 0.9F, 0.1F, 0.5F, 0.5F});
  RankingRatio of_7(7);
  of_7.add(signals, batch, 1);
  // First sentence: rank 0. Second: position 1 has rank 1 in both rows (the tie goes by position), of 2.
  EXPECT_NEAR(of_7.build().mean[0], 0.25, 1e-12);
  RankingRatio of_5(5);
  of_5.add(signals, batch, 1);
  EXPECT_EQ(of_5.build().mean[0], 0.0);  // the first sentence has no such token
  RankingRatio of_none(9);
  of_none.add(signals, batch, 1);
  EXPECT_TRUE(std::isnan(of_none.build().mean[0]));
}

}  // namespace
}  // namespace kdqat::analysis
