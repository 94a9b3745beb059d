#include "kdqat/cli/model_settings.h"

#include "kdqat/base/error.h"

namespace kdqat::cli {

ModelSettings model_settings(const format::EncoderConfig& config) {
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

}  // namespace kdqat::cli
