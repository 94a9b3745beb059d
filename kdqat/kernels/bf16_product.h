#pragma once

#include "kdqat/kernels/gemm/bf16_gemm.h"
#include "kdqat/kernels/instruction_set.h"
