#pragma once

#include <filesystem>
#include <string>

#include "kdqat/data/batch_file.h"
#include "kdqat/encoder/encoder_config.h"

namespace kdqat::cli {

/// What a model of this configuration takes of a batch file.
data::BatchLimits batch_limits(const encoder::EncoderConfig& config);

/// Throws FormatError that names `file` if a batch of it has no labels.
void check_has_labels(const data::Batch& batch, const std::filesystem::path& file);

/// Throws InvalidArgument, which begins with `who`, unless both have the same layers, sizes, heads,
/// vocabulary and labels.
void check_same_architecture(const encoder::EncoderConfig& teacher, const encoder::EncoderConfig& student,
                             const std::string& who);

}  // namespace kdqat::cli
