#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "kdqat/base/parallel.h"

namespace kdqat::simd {

/// Lanes that a reduction keeps apart: one vector of AVX-512. Lane l sums the elements i with i % kLanes ==
/// l; at the end halves of the lanes are added to each other (add_lanes). So the order of a sum is the same
/// on every instruction set.
inline constexpr std::int64_t kLanes = 16;

/// Elements whose sum is one term of a larger sum; see `sum_of_blocks`.
inline constexpr std::int64_t kBlock = 16384;

/// Sum over [0, count) in blocks of kBlock: block_sum(first, last) gives a block's sum (any type with +=),
/// blocks run in parallel, their sums are added in order. Hence one result for every thread count.
template <typename Sum, typename BlockSum>
Sum sum_of_blocks(std::int64_t count, const BlockSum& block_sum) {
  const std::int64_t blocks = (count + kBlock - 1) / kBlock;
  if (blocks <= 1) return block_sum(std::int64_t{0}, count);
  std::vector<Sum> sums(static_cast<std::size_t>(blocks));
  base::parallel_for(0, blocks, 4, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t block = first; block < last; ++block) {
      sums[static_cast<std::size_t>(block)] =
          block_sum(block * kBlock, std::min(count, (block + 1) * kBlock));
    }
  });
  Sum total = sums[0];
  for (std::size_t block = 1; block < sums.size(); ++block) total += sums[block];
  return total;
}

/// Folds the upper half of the lanes onto the lower one until one is left: combine(lane, lane + half).
/// Inlined by force, so that it is compiled for the instruction set of its caller.
template <typename Lanes, typename Combine>
__attribute__((always_inline)) inline auto fold_lanes(Lanes& lanes, const Combine& combine) {
  for (std::size_t i = 0; i < 8; ++i) lanes[i] = combine(lanes[i], lanes[i + 8]);
  for (std::size_t i = 0; i < 4; ++i) lanes[i] = combine(lanes[i], lanes[i + 4]);
  for (std::size_t i = 0; i < 2; ++i) lanes[i] = combine(lanes[i], lanes[i + 2]);
  return combine(lanes[0], lanes[1]);
}
static_assert(kLanes == 16);

template <typename Value>
__attribute__((always_inline)) inline Value add_lanes(std::array<Value, kLanes> lanes) {
  return fold_lanes(
      lanes, [](Value left, Value right) __attribute__((always_inline)) { return left + right; });
}

/// The largest lane.
template <typename Value>
__attribute__((always_inline)) inline Value max_of_lanes(std::array<Value, kLanes> lanes) {
  return fold_lanes(
      lanes,
      [](Value left, Value right) __attribute__((always_inline)) { return left > right ? left : right; });
}

/// Sum of term(i) over [0, count), in lanes of Sum. Inlined by force, so that it is compiled for the
/// instruction set of its caller.
template <typename Sum, typename Term>
__attribute__((always_inline)) inline Sum sum_in_lanes(std::int64_t count, const Term& term) {
  std::array<Sum, kLanes> sums{};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      sums[static_cast<std::size_t>(lane)] += static_cast<Sum>(term(i + lane));
    }
  }
  for (std::int64_t lane = 0; i < count; ++i, ++lane) {
    sums[static_cast<std::size_t>(lane)] += static_cast<Sum>(term(i));
  }
  return add_lanes(sums);
}

/// The lanes as one value, for loops that GCC 12 makes no vectors of by itself: reductions into lanes.
typedef float FloatLanes __attribute__((vector_size(kLanes * sizeof(float))));
typedef std::int32_t IntegerLanes __attribute__((vector_size(kLanes * sizeof(std::int32_t))));
typedef double DoubleLanes __attribute__((vector_size(kLanes * sizeof(double))));

__attribute__((always_inline)) inline FloatLanes load_lanes(const float* values) {
  FloatLanes lanes;
  std::memcpy(&lanes, values, sizeof(lanes));
  return lanes;
}

template <typename Value, typename Vector>
__attribute__((always_inline)) inline std::array<Value, kLanes> array_of(const Vector& vector) {
  static_assert(sizeof(Vector) == kLanes * sizeof(Value));
  std::array<Value, kLanes> lanes;
  std::memcpy(lanes.data(), &vector, sizeof(vector));
  return lanes;
}

/// sum_in_lanes of a term that vectors can compute: term(load, i) is called with a function that loads floats
/// from a pointer on, one or kLanes of them, and gives as many. Sum is float or double.
template <typename Sum, typename Term>
__attribute__((always_inline)) inline Sum sum_of_vectors(std::int64_t count, const Term& term) {
  using Vector = std::conditional_t<std::is_same_v<Sum, float>, FloatLanes, DoubleLanes>;
  const auto load_many = [](const float* values) __attribute__((always_inline)) {
    return load_lanes(values);
  };
  const auto load_one = [](const float* value) __attribute__((always_inline)) { return *value; };
  Vector sums = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) sums += __builtin_convertvector(term(load_many, i), Vector);
  std::array<Sum, kLanes> lanes = array_of<Sum>(sums);
  for (std::size_t lane = 0; i < count; ++i, ++lane) lanes[lane] += static_cast<Sum>(term(load_one, i));
  return add_lanes(lanes);
}

}  // namespace kdqat::simd
