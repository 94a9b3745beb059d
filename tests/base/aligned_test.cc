#include "kdqat/base/aligned.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace kdqat::base {
namespace {

template <typename Value>
bool starts_a_cache_line(const AlignedVector<Value>& values) {
  return reinterpret_cast<std::uintptr_t>(values.data()) % kCacheLine == 0;
}

TEST(AlignedVectorTest, StartsACacheLineHoweverManyValues) {
  for (const std::size_t count : {1, 3, 16, 1000, 100000}) {
    EXPECT_TRUE(starts_a_cache_line(AlignedVector<float>(count))) << count;
    EXPECT_TRUE(starts_a_cache_line(AlignedVector<std::int8_t>(count))) << count;
  }
}

TEST(AlignedVectorTest, StartsOneAfterItHasGrownToo) {
  AlignedVector<float> values;
  for (int i = 0; i < 100; ++i) {
    values.push_back(static_cast<float>(i));
    EXPECT_TRUE(starts_a_cache_line(values)) << i;
  }
  EXPECT_EQ(values[99], 99.0F);
}

}  // namespace
}  // namespace kdqat::base
