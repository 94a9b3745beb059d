#pragma once

#include <algorithm>
#include <cstdint>

namespace kdqat::simd {

/// Asks for the cache lines of `count` values, which are read soon.
template <typename Value>
inline void prefetch(const Value* values, std::int64_t count) {
  constexpr auto kLine = static_cast<std::int64_t>(64 / sizeof(Value));
  for (std::int64_t i = 0; i < count; i += kLine) __builtin_prefetch(values + i);
}

/// body(first, count) on blocks that cover [0, count), while what a block some way behind it reads of
/// `values` is on its way. A loop that computes much for each value has few loads in flight, so it
/// waits where values have left the caches since they were written.
template <typename Value, typename Body>
inline void for_blocks_ahead(const Value* values, std::int64_t count, const Body& body) {
  constexpr std::int64_t kBlockValues = 256;
  constexpr std::int64_t kAhead = 8 * kBlockValues;
  for (std::int64_t first = 0; first < count; first += kBlockValues) {
    const std::int64_t next = first + kAhead;
    if (next < count) prefetch(values + next, std::min(kBlockValues, count - next));
    body(first, std::min(kBlockValues, count - first));
  }
}

}  // namespace kdqat::simd
