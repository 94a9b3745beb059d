#include "kdqat/evaluate/model_settings.h"

#include <algorithm>

#include "kdqat/base/error.h"

namespace kdqat::evaluate {

ModelSettings model_settings(const encoder::EncoderConfig& config) {
  ModelSettings settings;
  const auto section = config.source.find("kdqat");
  if (section == config.source.end() || !section->is_object()) return settings;
  if (section->contains("max_seq_length")) {
    const nlohmann::json& value = section->at("max_seq_length");
    if (!value.is_number_integer()) {
      throw base::FormatError(
          base::concat("config.json: kdqat.max_seq_length: expected an integer, found ", value.dump()));
    }
    settings.max_seq_length = value.get<std::int64_t>();
  }
  if (section->value("precision", nlohmann::json("fp32")) == "bf16")
    settings.precision = quant::Precision::kBf16;
  return settings;
}

std::int64_t evaluation_length(const encoder::EncoderConfig& config, const data::Task& task) {
  const std::int64_t trained = model_settings(config).max_seq_length;
  return trained > 0 ? trained : std::min(task.max_seq_length, config.max_length());
}

}  // namespace kdqat::evaluate
