#pragma once

#include "kdqat/kernels/gemm/bf16_gemm.h"
#include "kdqat/simd/instruction_set.h"
