#pragma once

#include <gtest/gtest.h>

#include <string>

#include "kdqat/kernels/instruction_set.h"
#include "kdqat/kernels/matmul.h"

namespace kdqat::kernels {

/// A test of products in bfloat16 by each set that has its own; skipped where the processor lacks them.
class EachBf16Set : public ::testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override {
    if (!has_bf16_products()) GTEST_SKIP() << "this processor has no bf16 products";
    if (!is_available(GetParam()))
      GTEST_SKIP() << "this processor has no " << name_of(GetParam()) << " products";
  }
};

inline auto bf16_sets() { return ::testing::Values(InstructionSet::kAvx512Vnni, InstructionSet::kAmx); }

inline std::string bf16_set_name(const ::testing::TestParamInfo<InstructionSet>& test) {
  return test.param == InstructionSet::kAmx ? "Amx" : "Avx512";
}

}  // namespace kdqat::kernels
