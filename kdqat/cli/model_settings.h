#pragma once

#include <cstdint>

#include "kdqat/format/encoder_config.h"
#include "kdqat/quant/linear.h"

namespace kdqat::cli {

/// How a model that kdqat trained was evaluated while training, from its config.json.
struct ModelSettings {
  std::int64_t max_seq_length = 0;  ///< 0 where it does not say
  quant::Precision precision = quant::Precision::kFp32;
};

/// Throws FormatError that names the field for one of a wrong type.
ModelSettings model_settings(const format::EncoderConfig& config);

}  // namespace kdqat::cli
