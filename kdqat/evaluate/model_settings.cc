#include "kdqat/evaluate/model_settings.h"

#include <algorithm>

#include "kdqat/format/model_card.h"

namespace kdqat::evaluate {

ModelSettings model_settings(const encoder::EncoderConfig& config) {
  const format::ModelCard card = format::read_model_card(config.source);
  return {.max_seq_length = card.max_seq_length.value_or(0),
          .precision = card.precision == "bf16" ? quant::Precision::kBf16 : quant::Precision::kFp32};
}

std::int64_t evaluation_length(const encoder::EncoderConfig& config, const data::Task& task) {
  const std::int64_t trained = model_settings(config).max_seq_length;
  return trained > 0 ? trained : std::min(task.max_seq_length, config.max_length());
}

}  // namespace kdqat::evaluate
