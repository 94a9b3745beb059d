#include "kdqat/format/packed_model.h"

#include <span>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/format/deflate.h"

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

constexpr const char* kEncoding = "encoding";
constexpr const char* kDeflate = "deflate";
constexpr const char* kPlain = "none";
constexpr const char* kSize = "size";

/// Bytes of a tokenizer.json; that of 250,000 tokens takes 20 million.
constexpr std::int64_t kMaxTokenizerSize = 512 << 20;

/// Tokens of a sentence that a header may ask for; the model's positions bound it too.
constexpr std::int64_t kMaxSequenceLength = 1'000'000;

json parse_entry(const SafetensorsFile& file, const char* key) {
  const auto entry = file.metadata().find(key);
  const std::string where = concat(file.path().string(), ": metadata: ", key);
  if (entry == file.metadata().end())
    throw FormatError(concat(where, ": expected a JSON document, found none"));
  return parse_json(entry->second, where);
}

std::int64_t read_version(const SafetensorsFile& file) {
  const auto& metadata = file.metadata();
  if (!is_packed_model(file)) {
    throw FormatError(concat(file.path().string(),
                             ": expected a packed model (kdqat pack writes one), found ",
                             "a safetensors file without its metadata"));
  }
  const auto version = metadata.find(kVersion);
  for (std::int64_t known = 1; known <= kPackedVersion; ++known) {
    if (version != metadata.end() && version->second == std::to_string(known)) return known;
  }
  throw FormatError(concat(file.path().string(), ": expected version 1 or ", kPackedVersion,
                           " of the packed format, found ",
                           version == metadata.end() ? "none" : quote(version->second)));
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

PackedTokenizer pack_tokenizer(const json& document) {
  const std::string text = document.dump();
  const std::vector<std::byte> deflated = deflate(text);
  const bool smaller = deflated.size() < text.size();
  const std::span<const std::byte> bytes = smaller ? std::span(deflated) : std::as_bytes(std::span(text));
  const auto* first = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return {.bytes = {first, first + bytes.size()},
          .encoding = {{kEncoding, smaller ? kDeflate : kPlain}, {kSize, text.size()}}};
}

json read_packed_tokenizer(const SafetensorsFile& file, const PackedHeader& header) {
  const JsonFields fields(header.tokenizer, concat(file.path().string(), ": metadata: tokenizer"));
  const std::int64_t size = fields.integer(kSize, 1, kMaxTokenizerSize);
  const std::string encoding = fields.string_or(kEncoding, kPlain);
  if (encoding != kDeflate && encoding != kPlain) fields.fail(kEncoding, R"("deflate" or "none")");
  const TensorView& view = file.tensor(kTokenizerTensor);
  const std::string where = concat(file.path().string(), ": tensor '", kTokenizerTensor, "'");
  if (view.dtype != DType::kU8 || view.shape.size() != 1) {
    throw FormatError(concat(where, ": expected U8 of one dimension, found ", name_of(view.dtype), " ",
                             to_string(view.shape)));
  }
  if (encoding == kDeflate)
    return parse_json(inflate(view.bytes, static_cast<std::size_t>(size), where), where);
  if (std::cmp_not_equal(view.bytes.size(), size)) {
    throw FormatError(concat(where, ": expected ", size, " bytes, found ", view.bytes.size()));
  }
  return parse_json({reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size()}, where);
}

std::map<std::string, std::string> to_metadata(const PackedHeader& header) {
  return {{kFormat, kFormatName},
          {kVersion, std::to_string(header.version)},
          {kConfig, header.config.dump()},
          {kTokenizer, header.tokenizer.dump()}};
}

bool is_packed_model(const SafetensorsFile& file) {
  const auto name = file.metadata().find(kFormat);
  return name != file.metadata().end() && name->second == kFormatName;
}

PackedHeader read_packed_header(const SafetensorsFile& file) {
  const std::int64_t version = read_version(file);
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
