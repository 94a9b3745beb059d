#pragma once

#include "kdqat/kernels/gemm/s8_gemm.h"
#include "kdqat/simd/instruction_set.h"
