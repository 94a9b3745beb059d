#include "kdqat/simd/bf16.h"

#include <gtest/gtest.h>

#include "kdqat/simd/instruction_set.h"

namespace kdqat::simd {
namespace {

TEST(Bf16Test, ProductsAreFasterWithAmxAndNowhereWithoutThem) {
  if (!has_bf16_products()) {
    EXPECT_FALSE(bf16_products_are_faster());
  } else if (default_instruction_set() == InstructionSet::kAmx) {
    EXPECT_TRUE(bf16_products_are_faster());
  }
}

}  // namespace
}  // namespace kdqat::simd
