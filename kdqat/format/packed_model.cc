#include "kdqat/format/packed_model.h"

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"

namespace kdqat::format {
namespace {

using base::concat;
using base::FormatError;
using base::JsonFields;
using base::parse_json;
using base::quote;
using nlohmann::json;

constexpr const char* kFormat = "format";
constexpr const char* kFormatName = "kdqat packed model";
constexpr const char* kVersion = "version";
constexpr const char* kConfig = "config";
constexpr const char* kTokenizer = "tokenizer";

/// Tokens of a sentence that a header may ask for; the model's positions bound it too.
constexpr std::int64_t kMaxSequenceLength = 1'000'000;

json parse_entry(const SafetensorsFile& file, const char* key) {
  const auto entry = file.metadata().find(key);
  const std::string where = concat(file.path().string(), ": metadata: ", key);
  if (entry == file.metadata().end())
    throw FormatError(concat(where, ": expected a JSON document, found none"));
  return parse_json(entry->second, where);
}

void check_version(const SafetensorsFile& file) {
  const auto& metadata = file.metadata();
  if (!is_packed_model(file)) {
    throw FormatError(concat(file.path().string(),
                             ": expected a packed model (kdqat pack writes one), found ",
                             "a safetensors file without its metadata"));
  }
  const auto version = metadata.find(kVersion);
  const std::string expected = std::to_string(kPackedVersion);
  if (version == metadata.end() || version->second != expected) {
    throw FormatError(concat(file.path().string(), ": expected version ", expected,
                             " of the packed format, found ",
                             version == metadata.end() ? "none" : quote(version->second)));
  }
}

}  // namespace

bool can_be_packed(const QuantizationConfig& quantization) {
  return quantization.weight_bits != 32 && quantization.activation_bits == 8 &&
         quantization.activation_granularity == ActivationGranularity::kToken;
}

std::string why_it_cannot_be_packed(const QuantizationConfig& quantization) {
  return concat("expected weights of 2, 4 or 8 bits and activations of 8 with a scale a token, found ",
                to_json(quantization).dump());
}

std::map<std::string, std::string> to_metadata(const PackedHeader& header) {
  return {{kFormat, kFormatName},
          {kVersion, std::to_string(kPackedVersion)},
          {kConfig, header.config.dump()},
          {kTokenizer, header.tokenizer.dump()}};
}

bool is_packed_model(const SafetensorsFile& file) {
  const auto name = file.metadata().find(kFormat);
  return name != file.metadata().end() && name->second == kFormatName;
}

PackedHeader read_packed_header(const SafetensorsFile& file) {
  check_version(file);
  const std::string where = concat(file.path().string(), ": metadata: config");
  PackedHeader header{
      .config = parse_entry(file, kConfig), .quantization = {}, .tokenizer = parse_entry(file, kTokenizer)};
  const JsonFields fields = JsonFields(header.config, where).object("kdqat");
  const json* const quantization = fields.find("quantization");
  if (quantization == nullptr) fields.fail("quantization", "an object");
  header.quantization = quantization_config_from_json(*quantization, where + ": kdqat.quantization");
  header.max_seq_length = fields.integer("max_seq_length", 3, kMaxSequenceLength);
  return header;
}

}  // namespace kdqat::format
