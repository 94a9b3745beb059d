#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

// Parallel loops.
//
//   base::parallel_for(0, rows, 16, [&](std::int64_t first, std::int64_t last) { ... });  // equal work a row
//   base::parallel_tasks(files.size(), [&](std::int64_t i) { load(files[i]); });          // may throw

namespace kdqat::base {

/// Number of processors that this process may run on (its affinity mask); at least 1.
int available_processors();

/// Sets the number of threads of all later parallel loops. Throws InvalidArgument unless count >= 1.
void set_num_threads(int count);

/// Number of threads of a parallel loop: that of the calling thread's ThreadScope, or else of
/// set_num_threads, or else available_processors().
int num_threads();

/// While it lives, parallel loops of the calling thread run in `count` threads. Other threads are not
/// affected.
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

/// Cuts [begin, end) into contiguous pieces, calls body(first, last) for each, in the calling thread and
/// others, and returns when all are done. A piece has at least `grain` indices if there are that many.
///
/// - How the range is cut depends on the number of threads, so a body must not sum across indices. A
///   reduction uses blocks of fixed size as its indices and adds the blocks' sums in order.
/// - An exception in a body ends the program. Check before the loop, or use parallel_tasks.
/// - A loop inside a loop runs in its caller's thread.
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

/// Calls body(i) for every i in [0, count), each in the thread that is free next. For tasks of unequal
/// length, and for tasks that may throw. Returns when all are done.
///
/// After an exception no further task begins, and the first exception is thrown here. A loop inside a task
/// runs in the task's thread; with one thread or one task it runs in all threads.
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
