#pragma once

#include <algorithm>
#include <cstdint>

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
/// check before the loop. A loop within a loop runs in its caller's thread.
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

}  // namespace kdqat::base
