#pragma once

#include "kdqat/kernels/gemm/bf16_backward.h"
#include "kdqat/kernels/instruction_set.h"
