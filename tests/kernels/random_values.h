#pragma once

#include "tests/simd/random_values.h"

namespace kdqat::kernels {

using simd::expect_the_same_for_every_thread_count;
using simd::index;
using simd::kRounding;
using simd::random_values;

}  // namespace kdqat::kernels
