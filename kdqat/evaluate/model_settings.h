#pragma once

#include <cstdint>

#include "kdqat/data/task.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/quant/linear.h"

namespace kdqat::evaluate {

/// How a model that kdqat trained was evaluated while training, from its config.json.
struct ModelSettings {
  std::int64_t max_seq_length = 0;  ///< 0 where it does not say
  quant::Precision precision = quant::Precision::kFp32;
};

/// Throws FormatError that names the field for one of a wrong type.
ModelSettings model_settings(const encoder::EncoderConfig& config);

/// Tokens at which the texts of a task are cut for a model: as when it was trained, else as the task says,
/// within the model's positions. Throws as model_settings does.
std::int64_t evaluation_length(const encoder::EncoderConfig& config, const data::Task& task);

}  // namespace kdqat::evaluate
