#include "kdqat/data/hold_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "kdqat/base/error.h"

namespace kdqat::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// 100 of class 0, 50 of class 1, 30 of class 2, mixed.
std::vector<double> mixed_labels() {
  std::vector<double> labels;
  for (int i = 0; i < 180; ++i) labels.push_back(i % 18 < 10 ? 0.0 : i % 18 < 15 ? 1.0 : 2.0);
  return labels;
}

std::map<double, int> classes_of(const std::vector<double>& labels, std::span<const std::int64_t> indices) {
  std::map<double, int> counts;
  for (const std::int64_t index : indices) ++counts[labels[static_cast<std::size_t>(index)]];
  return counts;
}

TEST(HoldOutTest, EveryClassHasItsShare) {
  const std::vector<double> labels = mixed_labels();
  const std::vector<std::int64_t> chosen = held_out_indices(labels);
  EXPECT_TRUE(std::ranges::is_sorted(chosen));
  EXPECT_EQ(std::ranges::adjacent_find(chosen), chosen.end());
  // A tenth of 100, 50 and 30.
  EXPECT_THAT(classes_of(labels, chosen),
              ElementsAre(std::pair(0.0, 10), std::pair(1.0, 5), std::pair(2.0, 3)));
}

TEST(HoldOutTest, ScoresAreSpreadAsThoseOfAll) {
  std::vector<double> scores;
  for (int i = 0; i < 100; ++i) scores.push_back((i * 37 % 100) / 20.0);
  const std::vector<std::int64_t> chosen = held_out_indices(scores);
  std::vector<double> of_chosen;
  for (const std::int64_t index : chosen) of_chosen.push_back(scores[static_cast<std::size_t>(index)]);
  std::ranges::sort(of_chosen);
  // Every tenth of 0, 0.05 ... 4.95, from the sixth on.
  for (std::size_t i = 0; i < 10; ++i) EXPECT_DOUBLE_EQ(of_chosen[i], 0.25 + 0.5 * static_cast<double>(i));
}

TEST(HoldOutTest, DependsOnTheLabelsAlone) {
  EXPECT_EQ(held_out_indices(mixed_labels()), held_out_indices(mixed_labels()));
  // What this choice is must never change: runs that were selected by it would not be comparable any more.
  EXPECT_THAT(held_out_indices(mixed_labels(), {.share = 0.05}),
              ElementsAre(1, 26, 34, 41, 114, 121, 127, 143, 175));
}

TEST(HoldOutTest, TakesAtLeastOneAndAtMostWhatIsAllowed) {
  const std::vector<double> two = {0.0, 1.0};
  EXPECT_EQ(held_out_indices(two).size(), 1U);
  EXPECT_EQ(held_out_indices(mixed_labels(), {.share = 0.5, .most = 7}).size(), 7U);
}

TEST(HoldOutTest, PartsAreTheWholeInItsOrder) {
  Dataset whole;
  whole.labels = mixed_labels();
  whole.warnings = {"one row skipped"};
  for (std::size_t i = 0; i < whole.labels.size(); ++i) {
    whole.encodings.push_back({.input_ids = {static_cast<std::int32_t>(i)}, .token_type_ids = {0}});
  }
  const std::vector<std::int64_t> chosen = held_out_indices(whole.labels);
  const HeldOut parts = hold_out(whole);
  EXPECT_EQ(parts.kept.size() + parts.held_out.size(), whole.size());
  EXPECT_THAT(parts.kept.warnings, ElementsAre("one row skipped"));
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    EXPECT_EQ(parts.held_out.encodings[i].input_ids[0], chosen[i]);
    EXPECT_EQ(parts.held_out.labels[i], whole.labels[static_cast<std::size_t>(chosen[i])]);
  }
  std::int32_t last = -1;
  for (const text::Encoding& encoding : parts.kept.encodings) {
    EXPECT_GT(encoding.input_ids[0], last);
    last = encoding.input_ids[0];
    EXPECT_FALSE(std::ranges::binary_search(chosen, static_cast<std::int64_t>(last)));
  }
}

TEST(HoldOutTest, RefusesWhatCanNotBeSplit) {
  const std::vector<double> one = {0.0};
  EXPECT_THAT(
      [&] { held_out_indices(one); },
      ThrowsMessage<base::InvalidArgument>("hold-out: expected at least two training examples, found 1"));
  EXPECT_THAT([] { held_out_indices(mixed_labels(), {.share = 1.0}); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("found 1")));
  EXPECT_THAT([] { held_out_indices(mixed_labels(), {.most = 0}); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("found 0")));
}

}  // namespace
}  // namespace kdqat::data
