#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <mutex>
#include <span>
#include <thread>
#include <variant>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/runtime/engine.h"
#include "kdqat/serve/metrics.h"

namespace kdqat::serve {

struct BatcherOptions {
  std::int64_t batch_tokens = 2048;   ///< of one call of the engine; a request with more is a call of its own
  std::int64_t queue_tokens = 65536;  ///< that may wait; a request beyond is refused, unless none waits
};

/// So many tokens wait that one more request is refused.
class QueueFull : public base::Error {
 public:
  using Error::Error;
};

enum class Question { kClassify, kEmbed };

/// Classifications, or embeddings [sentences, embedding_size] row-major.
using Answer = std::variant<std::vector<runtime::Classification>, std::vector<float>>;

/// Joins the sentences of requests into calls of the engine. One thread calls it; whatever has come while it
/// was busy goes into the next call, first come first served, up to a budget of tokens. Nobody waits for a
/// batch to fill.
class Batcher {
 public:
  /// `engine` and `metrics` must outlive it.
  Batcher(const runtime::Engine& engine, const BatcherOptions& options, Metrics& metrics);
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  /// Answers what waits, then ends.
  ~Batcher();

  /// `sentences` as the engine's encode gives them. Throws QueueFull; what the engine throws, the future
  /// does.
  std::future<Answer> submit(Question question, std::vector<text::Encoding> sentences);

 private:
  struct Job {
    Question question = Question::kClassify;
    std::vector<text::Encoding> sentences;
    std::int64_t tokens = 0;
    std::promise<Answer> promise;
  };

  void work();
  std::vector<Job> take();
  void answer(std::vector<Job> jobs);

  const runtime::Engine& engine_;
  const BatcherOptions options_;
  Metrics& metrics_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  std::int64_t queue_tokens_ = 0;
  bool ending_ = false;
  std::thread worker_;  // the last member: it uses the others
};

}  // namespace kdqat::serve
