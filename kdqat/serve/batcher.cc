#include "kdqat/serve/batcher.h"

#include <exception>
#include <iterator>
#include <utility>

namespace kdqat::serve {
namespace {

std::int64_t count_tokens(const std::vector<text::Encoding>& sentences) {
  std::int64_t tokens = 0;
  for (const text::Encoding& sentence : sentences)
    tokens += static_cast<std::int64_t>(sentence.input_ids.size());
  return tokens;
}

template <typename Value>
std::vector<Value> cut(std::span<Value> values, std::size_t first, std::size_t count) {
  const std::span<Value> part = values.subspan(first, count);
  return {std::make_move_iterator(part.begin()), std::make_move_iterator(part.end())};
}

}  // namespace

Batcher::Batcher(const runtime::Engine& engine, const BatcherOptions& options, Metrics& metrics)
    : engine_(engine), options_(options), metrics_(metrics), worker_([this] { work(); }) {}

Batcher::~Batcher() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  worker_.join();
}

std::future<Answer> Batcher::submit(Question question, std::vector<text::Encoding> sentences) {
  Job job{.question = question, .sentences = std::move(sentences), .tokens = 0, .promise = {}};
  job.tokens = count_tokens(job.sentences);
  std::future<Answer> future = job.promise.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (!queue_.empty() && queue_tokens_ + job.tokens > options_.queue_tokens) {
      throw QueueFull(base::concat("queue: expected at most ", options_.queue_tokens,
                                   " tokens that wait, found ", queue_tokens_, " and ", job.tokens, " more"));
    }
    queue_tokens_ += job.tokens;
    metrics_.change_queue(1, job.tokens);
    queue_.push_back(std::move(job));
  }
  changed_.notify_one();
  return future;
}

void Batcher::work() {
  for (std::vector<Job> jobs; !(jobs = take()).empty();) answer(std::move(jobs));
}

/// The next call's jobs; none at the end.
std::vector<Batcher::Job> Batcher::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
  std::vector<Job> jobs;
  std::int64_t tokens = 0;
  while (!queue_.empty() && (jobs.empty() || (queue_.front().question == jobs[0].question &&
                                              tokens + queue_.front().tokens <= options_.batch_tokens))) {
    tokens += queue_.front().tokens;
    jobs.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queue_tokens_ -= tokens;
  metrics_.change_queue(-static_cast<std::int64_t>(jobs.size()), -tokens);
  return jobs;
}

void Batcher::answer(std::vector<Job> jobs) {
  std::vector<text::Encoding> sentences;
  std::vector<std::size_t> counts;
  std::int64_t tokens = 0;
  for (Job& job : jobs) {
    tokens += job.tokens;
    counts.push_back(job.sentences.size());
    std::move(job.sentences.begin(), job.sentences.end(), std::back_inserter(sentences));
  }
  metrics_.count_batch(static_cast<std::int64_t>(jobs.size()), static_cast<std::int64_t>(sentences.size()),
                       tokens);
  std::vector<runtime::Classification> classifications;
  std::vector<float> embeddings;
  const bool classify = jobs[0].question == Question::kClassify;
  try {
    if (classify) {
      classifications = engine_.classify(sentences);
    } else {
      embeddings = engine_.embed(sentences);
    }
  } catch (...) {
    for (Job& job : jobs) job.promise.set_exception(std::current_exception());
    return;
  }
  const auto width = static_cast<std::size_t>(engine_.embedding_size());
  std::size_t first = 0;
  for (std::size_t i = 0; i < jobs.size(); first += counts[i], ++i) {
    if (classify) {
      jobs[i].promise.set_value(cut(std::span(classifications), first, counts[i]));
    } else {
      jobs[i].promise.set_value(cut(std::span(embeddings), first * width, counts[i] * width));
    }
  }
}

}  // namespace kdqat::serve
