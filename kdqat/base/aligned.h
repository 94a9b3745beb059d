#pragma once

#include <cstddef>
#include <new>
#include <vector>

// A vector whose memory begins at a cache line, for values that kernels read and write:
//
//   base::AlignedVector<float> hidden(rows * cols);

namespace kdqat::base {

/// Bytes of a cache line.
inline constexpr std::size_t kCacheLine = 64;

/// Allocates at the start of a cache line. So a load or store of 64 bytes touches one line, not two.
template <typename Value>
struct AlignedAllocator {
  using value_type = Value;  // NOLINT(readability-identifier-naming): the name that containers ask for

  AlignedAllocator() = default;
  template <typename Other>
  AlignedAllocator(const AlignedAllocator<Other>& /*other*/) {}

  Value* allocate(std::size_t count) {
    return static_cast<Value*>(::operator new (count * sizeof(Value), std::align_val_t{kCacheLine}));
  }
  void deallocate(Value* values, std::size_t /*count*/) {
    ::operator delete (values, std::align_val_t{kCacheLine});
  }
  template <typename Other>
  bool operator==(const AlignedAllocator<Other>& /*other*/) const {
    return true;
  }
};

template <typename Value>
using AlignedVector = std::vector<Value, AlignedAllocator<Value>>;

}  // namespace kdqat::base
