#include "kdqat/serve/metrics.h"

#include <algorithm>

#include "kdqat/base/error.h"
#include "kdqat/base/machine.h"

namespace kdqat::serve {
namespace {

using base::concat;

std::string head(std::string_view name, std::string_view type, std::string_view help) {
  return concat("# HELP ", name, ' ', help, "\n# TYPE ", name, ' ', type, '\n');
}

template <typename Value>
std::string single(std::string_view name, std::string_view type, std::string_view help, Value value) {
  return concat(head(name, type, help), name, ' ', value, '\n');
}

}  // namespace

void Histogram::add(double value) {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  if (bound != bounds_.end()) ++counts_[static_cast<std::size_t>(bound - bounds_.begin())];
  ++count_;
  sum_ += value;
}

std::string Histogram::text(std::string_view name, std::string_view help) const {
  std::string result = head(name, "histogram", help);
  std::uint64_t up_to = 0;
  for (std::size_t i = 0; i < kBounds; ++i) {
    up_to += counts_[i];
    result += concat(name, "_bucket{le=\"", bounds_[i], "\"} ", up_to, '\n');
  }
  return result + concat(name, "_bucket{le=\"+Inf\"} ", count_, '\n', name, "_sum ", sum_, '\n', name,
                         "_count ", count_, '\n');
}

void Metrics::count_request(const std::string& path, int status, double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[{path, status}];
  seconds_.add(seconds);
}

void Metrics::count_batch(std::int64_t requests, std::int64_t sentences, std::int64_t tokens) {
  const std::lock_guard lock(mutex_);
  batch_requests_.add(static_cast<double>(requests));
  batch_sentences_.add(static_cast<double>(sentences));
  tokens_ += static_cast<std::uint64_t>(tokens);
}

void Metrics::change_queue(std::int64_t requests, std::int64_t tokens) {
  const std::lock_guard lock(mutex_);
  queue_requests_ += requests;
  queue_tokens_ += tokens;
}

std::string Metrics::text() const {
  const std::lock_guard lock(mutex_);
  std::string result = head("kdqat_requests_total", "counter", "Requests that were answered.");
  for (const auto& [key, count] : requests_) {
    result +=
        concat("kdqat_requests_total{path=\"", key.first, "\",status=\"", key.second, "\"} ", count, '\n');
  }
  return result + seconds_.text("kdqat_request_seconds", "From the last byte of a request to its answer.") +
         batch_requests_.text("kdqat_batch_requests", "Requests that one call of the engine answered.") +
         batch_sentences_.text("kdqat_batch_sentences", "Sentences of one call of the engine.") +
         single("kdqat_tokens_total", "counter", "Tokens that the engine has seen.", tokens_) +
         single("kdqat_queue_requests", "gauge", "Requests that wait for the engine.", queue_requests_) +
         single("kdqat_queue_tokens", "gauge", "Tokens of the requests that wait.", queue_tokens_) +
         single("process_resident_memory_bytes", "gauge", "Memory that the process holds.",
                base::resident_memory_bytes());
}

}  // namespace kdqat::serve
