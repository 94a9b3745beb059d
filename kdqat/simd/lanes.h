#pragma once

#include <cstdint>
#include <cstring>

#include "kdqat/simd/reduce.h"

namespace kdqat::simd {

/// Reads and writes of kLanes neighbours, and of one value in the same words: for loops over several arrays,
/// which the compiler makes no vectors of because it can't know that they are different ones.
struct ManyLanes {
  __attribute__((always_inline)) static FloatLanes load(const float* values) { return load_lanes(values); }
  __attribute__((always_inline)) static void store(const FloatLanes& lanes, float* out) {
    std::memcpy(out, &lanes, sizeof(lanes));
  }
  /// `lanes` where `keep` is not 0, else 0.
  __attribute__((always_inline)) static FloatLanes kept(const std::uint8_t* keep, const FloatLanes& lanes) {
    typedef std::uint8_t Bytes __attribute__((vector_size(kLanes)));
    Bytes bytes;
    std::memcpy(&bytes, keep, sizeof(bytes));
    return __builtin_convertvector(bytes, IntegerLanes) != 0 ? lanes : FloatLanes{};
  }
};

struct OneLane {
  static float load(const float* value) { return *value; }
  static void store(float value, float* out) { *out = value; }
  static float kept(const std::uint8_t* keep, float value) { return *keep != 0 ? value : 0.0F; }
};

/// body(lanes, i) for [0, count): from i on, ManyLanes or OneLane. Inlined by force, so that it is compiled
/// for the instruction set of its caller; the body too has to be.
template <typename Body>
__attribute__((always_inline)) inline void for_lanes(std::int64_t count, const Body& body) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) body(ManyLanes{}, i);
  for (; i < count; ++i) body(OneLane{}, i);
}

}  // namespace kdqat::simd
