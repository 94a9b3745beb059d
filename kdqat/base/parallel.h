#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

namespace kdqat::base {

/// Processors that this process may run on (its affinity mask); at least 1.
int available_processors();

/// Threads of every parallel loop from here on. Throws InvalidArgument unless count >= 1.
void set_num_threads(int count);

/// What the calling thread's ThreadScope or else set_num_threads was given; available_processors() before
/// that.
int num_threads();

/// While it lives, parallel loops of the calling thread, and of no other, run in `count` threads.
class ThreadScope {
 public:
  /// Throws InvalidArgument unless count >= 1.
  explicit ThreadScope(int count);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

/// Calls body(first, last) on contiguous pieces that cover [begin, end), each of at least `grain` indices
/// where there are that many, in the calling thread and others; returns when all are done. How the range is
/// cut depends on the thread count, so a body must not sum across indices: reductions use blocks of fixed
/// size as their indices and add the blocks' sums in order. An exception that a body throws ends the program:
/// check before the loop, or take parallel_tasks. A loop within a loop runs in its caller's thread.
template <typename Body>
void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain, const Body& body) {
  if (begin >= end) return;
  const std::int64_t count = end - begin;
  const std::int64_t pieces =
      std::clamp<std::int64_t>(count / std::max<std::int64_t>(grain, 1), 1, num_threads());
  if (pieces == 1) {
    body(begin, end);
    return;
  }
#pragma omp parallel for num_threads(static_cast <int>(pieces)) schedule(static, 1)
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    const ThreadScope one_thread(1);
    body(begin + count * piece / pieces, begin + count * (piece + 1) / pieces);
  }
}

/// Calls body(i) for every i in [0, count), each in whichever thread is free next: for tasks of unequal
/// length, and for such that may throw. Returns when all are done. After an exception no further task begins,
/// and the first that was thrown is thrown here. A loop within a task runs in its thread; with one thread or
/// one task, in all that there are.
template <typename Body>
void parallel_tasks(std::int64_t count, const Body& body) {
  std::atomic<std::int64_t> next = 0;
  std::mutex mutex;
  std::exception_ptr first_error;
  parallel_for(0, std::min<std::int64_t>(count, num_threads()), 1, [&](std::int64_t, std::int64_t) {
    try {
      for (std::int64_t i = next++; i < count; i = next++) body(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!first_error) first_error = std::current_exception();
      next = count;
    }
  });
  if (first_error) std::rethrow_exception(first_error);
}

}  // namespace kdqat::base
