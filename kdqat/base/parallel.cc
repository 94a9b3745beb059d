#include "kdqat/base/parallel.h"

#include <omp.h>
#include <sched.h>

#include <atomic>

#include "kdqat/base/error.h"

namespace kdqat::base {
namespace {

std::atomic<int> thread_count{0};
thread_local int scoped_thread_count = 0;

void check_count(int count) {
  if (count < 1) throw InvalidArgument(concat("number of threads: expected at least 1, found ", count));
}

}  // namespace

int available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

void set_num_threads(int count) {
  check_count(count);
  thread_count = count;
  omp_set_num_threads(count);
}

int num_threads() {
  if (scoped_thread_count > 0) return scoped_thread_count;
  const int count = thread_count;
  return count > 0 ? count : available_processors();
}

ThreadScope::ThreadScope(int count) : before_(scoped_thread_count) {
  check_count(count);
  scoped_thread_count = count;
}

ThreadScope::~ThreadScope() { scoped_thread_count = before_; }

}  // namespace kdqat::base
