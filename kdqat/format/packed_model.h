#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kdqat/format/quantization_config.h"
#include "kdqat/format/safetensors.h"

namespace kdqat::format {

/// Version of the layout that docs/packed-format.md specifies and that is written; older ones are read.
inline constexpr std::int64_t kPackedVersion = 2;

/// Endings of the names of a quantized parameter's two tensors.
inline constexpr const char* kCodesSuffix = ".codes";
inline constexpr const char* kScalesSuffix = ".scales";

/// The tensor that holds the tokenizer.json document, as its text or deflated.
inline constexpr const char* kTokenizerTensor = "tokenizer";

/// In version 1, the tensor that holds the vocabulary: the tokens in the order of their ids, a newline after
/// each.
inline constexpr const char* kVocabularyTensor = "vocabulary";

/// What the metadata of a packed model says.
struct PackedHeader {
  std::int64_t version = kPackedVersion;
  nlohmann::json config;  ///< the student's config.json, its "kdqat" section (task, scores, origin) included
  QuantizationConfig quantization;
  std::int64_t max_seq_length = 128;
  nlohmann::json tokenizer;  ///< how the tokenizer's tensor is encoded; in version 1 BERT's settings
};

/// A tokenizer.json document as a packed file holds it.
struct PackedTokenizer {
  std::vector<std::uint8_t> bytes;  ///< of kTokenizerTensor
  nlohmann::json encoding;          ///< PackedHeader::tokenizer
};

/// Deflated if that is smaller.
PackedTokenizer pack_tokenizer(const nlohmann::json& document);

/// The tokenizer.json document of a file of version 2. Throws FormatError that names the file for a tensor
/// that is missing, of another type or of another size than the header says, and for what is no JSON.
nlohmann::json read_packed_tokenizer(const SafetensorsFile& file, const PackedHeader& header);

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
/// model, another version, a config that is no object or has no such section, and whatever
/// quantization_config_from_json refuses.
PackedHeader read_packed_header(const SafetensorsFile& file);

}  // namespace kdqat::format
