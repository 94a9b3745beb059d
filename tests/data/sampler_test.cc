#include "kdqat/data/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/random.h"

namespace kdqat::data {
namespace {

using ::testing::Each;
using ::testing::Le;
using ::testing::ThrowsMessage;

using Batches = std::vector<std::vector<std::int64_t>>;

/// Lengths as those of a task: most short, some long.
std::vector<std::int64_t> random_lengths(std::size_t count) {
  base::Random random(7);
  std::vector<std::int64_t> lengths(count);
  for (std::int64_t& length : lengths)
    length = static_cast<std::int64_t>(3 + random.below(12) * random.below(6));
  return lengths;
}

std::vector<std::int64_t> flattened(const Batches& batches) {
  std::vector<std::int64_t> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

std::vector<std::int64_t> tokens_of(const Batches& batches, const std::vector<std::int64_t>& lengths) {
  std::vector<std::int64_t> tokens;
  for (const auto& batch : batches) {
    tokens.push_back(0);
    for (const std::int64_t example : batch) tokens.back() += lengths[static_cast<std::size_t>(example)];
  }
  return tokens;
}

/// Tokens that would be computed if each batch were padded to its longest sentence.
std::int64_t padded_tokens(const Batches& batches, const std::vector<std::int64_t>& lengths) {
  std::int64_t tokens = 0;
  for (const auto& batch : batches) {
    std::int64_t longest = 0;
    for (const std::int64_t example : batch)
      longest = std::max(longest, lengths[static_cast<std::size_t>(example)]);
    tokens += longest * static_cast<std::int64_t>(batch.size());
  }
  return tokens;
}

class SamplerTest : public ::testing::TestWithParam<SamplerConfig> {
 protected:
  const std::vector<std::int64_t> lengths_ = random_lengths(5000);
};

TEST_P(SamplerTest, EveryExampleOccursOnceAnEpoch) {
  std::vector<std::int64_t> expected(lengths_.size());
  std::iota(expected.begin(), expected.end(), 0);
  for (const std::int64_t epoch : {0, 1}) {
    std::vector<std::int64_t> planned = flattened(plan_epoch(lengths_, GetParam(), epoch));
    std::ranges::sort(planned);
    EXPECT_EQ(planned, expected);
  }
}

TEST_P(SamplerTest, APlanIsAFunctionOfSeedAndEpoch) {
  const Batches plan = plan_epoch(lengths_, GetParam(), 1);
  SamplerConfig other_seed = GetParam();
  other_seed.seed += 1;

  EXPECT_EQ(plan_epoch(lengths_, GetParam(), 1), plan);
  EXPECT_NE(plan_epoch(lengths_, GetParam(), 0), plan);
  EXPECT_NE(plan_epoch(lengths_, other_seed, 1), plan);
}

TEST_P(SamplerTest, CountsTheBatchesThatItPlans) {
  std::int64_t planned = 0;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    planned += static_cast<std::int64_t>(plan_epoch(lengths_, GetParam(), epoch).size());
  }
  EXPECT_EQ(count_batches(lengths_, GetParam(), 3), planned);
  EXPECT_EQ(count_batches(lengths_, GetParam(), 0), 0);
}

INSTANTIATE_TEST_SUITE_P(BySentencesAndTokens, SamplerTest,
                         ::testing::Values(SamplerConfig{.batch_size = 32},
                                           SamplerConfig{.batch_size = 32, .bucket_by_length = true},
                                           SamplerConfig{.batch_tokens = 300},
                                           SamplerConfig{.batch_tokens = 300, .bucket_by_length = true}),
                         [](const auto& test) {
                           return std::string(test.param.batch_tokens > 0 ? "Tokens" : "Sentences") +
                                  (test.param.bucket_by_length ? "Bucketed" : "");
                         });

TEST(PlanEpochTest, BatchesHaveBatchSizeSentencesButTheLast) {
  const std::vector<std::int64_t> lengths(10, 5);
  const Batches plan = plan_epoch(lengths, {.batch_size = 4}, 0);
  ASSERT_EQ(plan.size(), 3U);
  EXPECT_EQ(plan[0].size(), 4U);
  EXPECT_EQ(plan[1].size(), 4U);
  EXPECT_EQ(plan[2].size(), 2U);
}

TEST(CountBatchesTest, CountsNoEmptyBatchWhereTheExamplesFillTheLast) {
  EXPECT_EQ(count_batches(std::vector<std::int64_t>(10, 5), {.batch_size = 5}, 3), 6);
}

TEST(PlanEpochTest, BatchesByTokensAreFullAndNeverOver) {
  const std::vector<std::int64_t> lengths = random_lengths(5000);
  const Batches plan = plan_epoch(lengths, {.batch_tokens = 300}, 0);
  const std::vector<std::int64_t> tokens = tokens_of(plan, lengths);

  EXPECT_THAT(tokens, Each(Le(300)));
  for (std::size_t i = 0; i + 1 < plan.size(); ++i) {
    EXPECT_GT(tokens[i] + lengths[static_cast<std::size_t>(plan[i + 1].front())], 300) << "batch " << i;
  }
}

TEST(PlanEpochTest, BucketedBatchesByTokensAreNeverOver) {
  const std::vector<std::int64_t> lengths = random_lengths(5000);
  EXPECT_THAT(tokens_of(plan_epoch(lengths, {.batch_tokens = 300, .bucket_by_length = true}, 0), lengths),
              Each(Le(300)));
}

TEST(PlanEpochTest, BucketsPutSimilarLengthsTogether) {
  const std::vector<std::int64_t> lengths = random_lengths(5000);
  const std::int64_t real = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});

  // A batch of a sorted window spans a fiftieth of its lengths, so nearly all of the padding goes.
  const std::int64_t shuffled = padded_tokens(plan_epoch(lengths, {}, 0), lengths) - real;
  const std::int64_t bucketed =
      padded_tokens(plan_epoch(lengths, {.bucket_by_length = true}, 0), lengths) - real;
  EXPECT_LT(10 * bucketed, shuffled);
}

TEST(PlanEpochTest, BucketedBatchesDoNotComeInOrderOfLength) {
  const std::vector<std::int64_t> lengths = random_lengths(1600);  // one window of 50 batches
  const Batches plan = plan_epoch(lengths, {.batch_size = 32, .bucket_by_length = true}, 0);
  const std::vector<std::int64_t> tokens = tokens_of(plan, lengths);
  EXPECT_FALSE(std::ranges::is_sorted(tokens));
}

TEST(PlanEpochTest, IsTheSameOnEveryMachine) {
  const std::vector<std::int64_t> lengths = {9, 3, 7, 3, 5, 4, 8};
  // From the same steps written in Python, Philox and shuffle included. Other plans would break the
  // resumption of runs that have begun.
  EXPECT_EQ(plan_epoch(lengths, {.batch_size = 3}, 0), (Batches{{2, 5, 0}, {1, 3, 4}, {6}}));
  EXPECT_EQ(plan_epoch(lengths, {.batch_tokens = 12, .bucket_by_length = true, .seed = 1}, 2),
            (Batches{{0}, {4, 2}, {6}, {3, 1, 5}}));
}

TEST(PlanEpochTest, AbsurdlyLargeBatchesHoldEverything) {
  const std::vector<std::int64_t> lengths = {9, 3, 7};
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(plan_epoch(lengths, {.batch_size = kMost, .bucket_by_length = true}, 0).size(), 1U);
  EXPECT_EQ(plan_epoch(lengths, {.batch_tokens = kMost, .bucket_by_length = true}, 0).size(), 1U);
  EXPECT_EQ(count_batches(lengths, {.batch_size = kMost}, 3), 3);
}

TEST(PlanEpochTest, BadArgumentsAreRefused) {
  const std::vector<std::int64_t> lengths = {4, 5};
  const std::vector<std::int64_t> with_empty = {4, 0};
  using base::InvalidArgument;

  EXPECT_THAT([&] { plan_epoch({}, {}, 0); },
              ThrowsMessage<InvalidArgument>("sampler: expected at least one example, found none"));
  EXPECT_THAT([&] { plan_epoch(with_empty, {}, 0); },
              ThrowsMessage<InvalidArgument>("example 1: expected at least 1 token, found 0"));
  EXPECT_THAT([&] { plan_epoch(lengths, {.batch_size = 0}, 0); },
              ThrowsMessage<InvalidArgument>("batch size: expected at least 1, found 0"));
  EXPECT_THAT([&] { plan_epoch(lengths, {.batch_tokens = -1}, 0); },
              ThrowsMessage<InvalidArgument>("tokens a batch: expected at least 0, found -1"));
  EXPECT_THAT(
      [&] { plan_epoch(lengths, {.batch_tokens = 4}, 0); },
      ThrowsMessage<InvalidArgument>("example 1: expected at most 4 tokens, the most in a batch, found 5"));
  EXPECT_THAT([&] { plan_epoch(lengths, {}, -1); },
              ThrowsMessage<InvalidArgument>("epoch: expected at least 0, found -1"));
  EXPECT_THAT([&] { count_batches(lengths, {}, -1); },
              ThrowsMessage<InvalidArgument>("epochs: expected at least 0, found -1"));
  EXPECT_THAT([&] { count_batches({}, {}, 1); },
              ThrowsMessage<InvalidArgument>("sampler: expected at least one example, found none"));
}

}  // namespace
}  // namespace kdqat::data
