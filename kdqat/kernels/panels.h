#pragma once

#include "kdqat/kernels/gemm/panels.h"
