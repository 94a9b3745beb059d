#pragma once

#include <string>

#include "kdqat/encoder/encoder_config.h"

namespace kdqat::model {

/// Throws InvalidArgument, which begins with `who`, unless both have the same layers, sizes, heads,
/// vocabulary and labels: check_same_architecture(teacher.config(), student.config(), "student").
void check_same_architecture(const encoder::EncoderConfig& teacher, const encoder::EncoderConfig& student,
                             const std::string& who);

}  // namespace kdqat::model
