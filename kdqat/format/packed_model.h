#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "kdqat/format/encoder_config.h"
#include "kdqat/format/quantization_config.h"
#include "kdqat/format/safetensors.h"

namespace kdqat::format {

/// Version of the layout that docs/packed-format.md specifies.
inline constexpr std::int64_t kPackedVersion = 1;

/// Endings of the names of a quantized parameter's two tensors.
inline constexpr const char* kCodesSuffix = ".codes";
inline constexpr const char* kScalesSuffix = ".scales";

/// The tensor that holds the vocabulary: the tokens in the order of their ids, a newline after each.
inline constexpr const char* kVocabularyTensor = "vocabulary";

/// What the metadata of a packed model says.
struct PackedHeader {
  EncoderConfig config;  ///< the student's config.json, its "kdqat" section (task, scores, origin) included
  QuantizationConfig quantization;
  std::int64_t max_seq_length = 128;
  nlohmann::json tokenizer;  ///< text::to_version_1's settings
};

/// Whether a student of this quantization can be packed: weights of 2, 4 or 8 bits and activations of 8 with
/// a scale a token, so that all products are integers and no sentence depends on another.
bool can_be_packed(const QuantizationConfig& quantization);

/// "expected weights of ..., found ...", for messages about one that can't.
std::string why_it_cannot_be_packed(const QuantizationConfig& quantization);

/// The metadata of the container.
std::map<std::string, std::string> to_metadata(const PackedHeader& header);

/// Whether a file calls itself a packed model, of whatever version.
bool is_packed_model(const SafetensorsFile& file);

/// Throws FormatError that names the file, what was expected and what was found, for a file that is no packed
/// model, another version, and whatever encoder_config_from_json and quantization_config_from_json refuse.
PackedHeader read_packed_header(const SafetensorsFile& file);

}  // namespace kdqat::format
