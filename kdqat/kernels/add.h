#pragma once

#include <cstdint>

namespace kdqat::kernels {

/// sum += values; float32 [count].
void add(const float* values, std::int64_t count, float* sum);

}  // namespace kdqat::kernels
