#pragma once

#include "kdqat/kernels/gemm/bf16_backward.h"
#include "kdqat/simd/instruction_set.h"
