#pragma once

#include "kdqat/simd/reduce.h"

namespace kdqat::kernels {

using simd::sum_of_blocks;
using simd::sum_of_vectors;

}  // namespace kdqat::kernels
