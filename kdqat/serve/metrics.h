#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

// Counters for Prometheus:
//
//   Metrics metrics;
//   metrics.count_request("/v1/classify", 200, 0.004);
//   metrics.text();  // "# HELP kdqat_requests_total ..."

namespace kdqat::serve {

/// Counts of values by upper bound, as in Prometheus.
class Histogram {
 public:
  static constexpr std::size_t kBounds = 12;

  explicit Histogram(const std::array<double, kBounds>& bounds) : bounds_(bounds) {}

  void add(double value);

  /// The lines of the metric `name`; the first two are its help and type.
  std::string text(std::string_view name, std::string_view help) const;

 private:
  std::array<double, kBounds> bounds_;
  std::array<std::uint64_t, kBounds> counts_{};
  std::uint64_t count_ = 0;
  double sum_ = 0.0;
};

/// Counters of a server since its start. Any number of threads may use it.
class Metrics {
 public:
  /// `path` is a path that the server serves, or "other": clients must not create new labels.
  void count_request(const std::string& path, int status, double seconds);
  void count_batch(std::int64_t requests, std::int64_t sentences, std::int64_t tokens);

  /// Changes the size of the queue by these requests and tokens: positive when they come, negative when they
  /// leave.
  void change_queue(std::int64_t requests, std::int64_t tokens);

  /// All metrics in Prometheus' text format (version 0.0.4), and the memory of the process.
  std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  Histogram seconds_{{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0}};
  Histogram batch_requests_{{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048}};
  Histogram batch_sentences_{{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048}};
  std::uint64_t tokens_ = 0;
  std::int64_t queue_requests_ = 0;
  std::int64_t queue_tokens_ = 0;
};

}  // namespace kdqat::serve
