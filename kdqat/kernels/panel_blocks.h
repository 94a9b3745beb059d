#pragma once

#include "kdqat/kernels/gemm/block.h"
