#pragma once

#include <gtest/gtest.h>

#include <string>

#include "kdqat/simd/instruction_set.h"

namespace kdqat::kernels {

/// A test of products in bfloat16 by each set that has its own; skipped where the processor lacks them.
class EachBf16Set : public ::testing::TestWithParam<simd::InstructionSet> {
 protected:
  void SetUp() override {
    if (!simd::has_bf16_products()) GTEST_SKIP() << "this processor has no bf16 products";
    if (!is_available(GetParam()))
      GTEST_SKIP() << "this processor has no " << name_of(GetParam()) << " products";
  }
};

inline auto bf16_sets() {
  return ::testing::Values(simd::InstructionSet::kAvx512Vnni, simd::InstructionSet::kAmx);
}

inline std::string bf16_set_name(const ::testing::TestParamInfo<simd::InstructionSet>& test) {
  return test.param == simd::InstructionSet::kAmx ? "Amx" : "Avx512";
}

}  // namespace kdqat::kernels
