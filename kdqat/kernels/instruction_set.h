#pragma once

#include "kdqat/simd/instruction_set.h"

namespace kdqat::kernels {

using simd::available_instruction_sets;
using simd::default_instruction_set;
using simd::InstructionSet;
using simd::is_available;
using simd::name_of;

}  // namespace kdqat::kernels
