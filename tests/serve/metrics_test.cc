#include "kdqat/serve/metrics.h"

#include <gmock/gmock.h>

namespace kdqat::serve {
namespace {

using testing::HasSubstr;

TEST(Metrics, HistogramCountsWhatIsAtMostABound) {
  Histogram histogram({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  for (const double value : {1.0, 1.5, 2.0, 13.0}) histogram.add(value);
  const std::string text = histogram.text("name", "What it is.");
  EXPECT_THAT(text, HasSubstr("# HELP name What it is.\n# TYPE name histogram\nname_bucket{le=\"1\"} 1\n"
                              "name_bucket{le=\"2\"} 3\n"));
  EXPECT_THAT(
      text, HasSubstr("name_bucket{le=\"12\"} 3\nname_bucket{le=\"+Inf\"} 4\nname_sum 17.5\nname_count 4\n"));
}

TEST(Metrics, RequestsAreCountedByPathAndStatus) {
  Metrics metrics;
  metrics.count_request("/v1/classify", 200, 0.1);
  metrics.count_request("/v1/classify", 200, 0.1);
  metrics.count_request("/v1/classify", 400, 0.1);
  metrics.count_request("other", 404, 0.1);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("kdqat_requests_total{path=\"/v1/classify\",status=\"200\"} 2\n"
                              "kdqat_requests_total{path=\"/v1/classify\",status=\"400\"} 1\n"
                              "kdqat_requests_total{path=\"other\",status=\"404\"} 1\n"));
}

TEST(Metrics, QueueAndBatchesAreShown) {
  Metrics metrics;
  metrics.change_queue(1, 30);
  metrics.change_queue(1, 12);
  metrics.change_queue(-1, -30);
  metrics.count_batch(1, 3, 30);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("\nkdqat_queue_requests 1\n"));
  EXPECT_THAT(text, HasSubstr("\nkdqat_queue_tokens 12\n"));
  EXPECT_THAT(text, HasSubstr("\nkdqat_batch_sentences_sum 3\n"));
  EXPECT_THAT(text, HasSubstr("\nkdqat_tokens_total 30\n"));
}

}  // namespace
}  // namespace kdqat::serve
