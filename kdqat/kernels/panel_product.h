#pragma once

#include "kdqat/kernels/gemm/s8_gemm.h"
#include "kdqat/kernels/instruction_set.h"
