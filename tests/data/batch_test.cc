#include "kdqat/data/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"

namespace kdqat::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<std::int64_t> values_of(const torch::Tensor& tensor) {
  return {tensor.data_ptr<std::int64_t>(), tensor.data_ptr<std::int64_t>() + tensor.numel()};
}

const text::Encoding kLong{.input_ids = {2, 7, 8, 3}, .token_type_ids = {0, 0, 1, 1}};
const text::Encoding kShort{.input_ids = {2, 3}, .token_type_ids = {0, 0}};

TEST(BatchTest, SentencesLieEndToEndAndPositionsBeginAnewInEach) {
  const std::vector<const text::Encoding*> encodings = {&kLong, &kShort};
  const Batch batch = make_batch(encodings);

  EXPECT_EQ(batch.sentences(), 2);
  EXPECT_EQ(batch.tokens(), 6);
  EXPECT_THAT(batch.cu_seqlens, ElementsAre(0, 4, 6));
  EXPECT_THAT(values_of(batch.input_ids), ElementsAre(2, 7, 8, 3, 2, 3));
  EXPECT_THAT(values_of(batch.token_type_ids), ElementsAre(0, 0, 1, 1, 0, 0));
  EXPECT_THAT(values_of(batch.position_ids), ElementsAre(0, 1, 2, 3, 0, 1));
  EXPECT_THAT(values_of(batch.first_tokens), ElementsAre(0, 4));
  EXPECT_FALSE(batch.labels.defined());
}

TEST(BatchTest, LabelsAreClassIdsOrScores) {
  const std::vector<const text::Encoding*> encodings = {&kLong, &kShort};

  const Batch classes = make_batch(encodings, std::vector{2.0, 0.0}, /*regression=*/false);
  EXPECT_THAT(values_of(classes.labels), ElementsAre(2, 0));

  const Batch scores = make_batch(encodings, std::vector{2.5, 0.25}, /*regression=*/true);
  ASSERT_EQ(scores.labels.scalar_type(), torch::kFloat32);
  EXPECT_EQ(scores.labels[0].item<float>(), 2.5F);
  EXPECT_EQ(scores.labels[1].item<float>(), 0.25F);
}

TEST(BatchTest, RejectsABatchWithoutSentencesASentenceWithoutTokensAndMissingLabels) {
  EXPECT_THAT([] { make_batch({}); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("expected at least one sentence, found none")));
  const text::Encoding empty;
  const std::vector<const text::Encoding*> with_empty = {&kShort, &empty};
  EXPECT_THAT(
      [&] { make_batch(with_empty); },
      ThrowsMessage<base::InvalidArgument>(HasSubstr("at least one token in a sentence, found none")));
  const std::vector<const text::Encoding*> two = {&kLong, &kShort};
  EXPECT_THAT([&] { make_batch(two, std::vector{1.0}, /*regression=*/false); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("expected 2 labels, found 1")));
}

}  // namespace
}  // namespace kdqat::data
