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

// Requests of many clients, joined into calls of one engine:
//
//   Batcher batcher(engine, {}, metrics);
//   std::future<Answer> answer = batcher.submit(Question::kClassify, {engine.encode({"a fine film"})});
//   std::get<std::vector<runtime::Classification>>(answer.get());

namespace kdqat::serve {

struct BatcherOptions {
  std::int64_t batch_tokens = 2048;  ///< most tokens of one call; a longer request has a call of its own
  std::int64_t queue_tokens =
      65536;  ///< most tokens that wait; one more request is refused, unless none waits
};

/// The queue has no room for one more request.
class QueueFull : public base::Error {
 public:
  using Error::Error;
};

enum class Question { kClassify, kEmbed };

/// Classifications, or embeddings [sentences, embedding_size] row-major.
using Answer = std::variant<std::vector<runtime::Classification>, std::vector<float>>;

/// Joins the sequences of requests into calls of the engine. One thread calls the engine. The requests that
/// come while it is busy go into the next call, in their order, up to a limit of tokens. No request waits for
/// a batch to fill.
class Batcher {
 public:
  /// `engine` and `metrics` must outlive the batcher.
  Batcher(const runtime::Engine& engine, const BatcherOptions& options, Metrics& metrics);
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  /// Answers the waiting requests, then ends.
  ~Batcher();

  /// `sentences` come from the engine's encode. Throws QueueFull. An exception of the engine is thrown by the
  /// future.
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
