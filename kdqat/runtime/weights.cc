#include "kdqat/runtime/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "kdqat/base/error.h"
#include "kdqat/kernels/base3.h"

namespace kdqat::runtime {
namespace {

using base::concat;
using base::FormatError;
using format::DType;
using format::Shape;
using format::TensorView;

/// Hands out tensors by name and what they have to be.
class Finder {
 public:
  Finder(const format::SafetensorsFile& file, const format::PackedHeader& header)
      : file_(file), header_(header) {}

  std::span<const float> floats(const std::string& name, const Shape& shape) const {
    const TensorView& view = find(name, DType::kF32, shape);
    // The writer puts larger elements first, so that only a foreign file can be out of line.
    if (reinterpret_cast<std::uintptr_t>(view.bytes.data()) % alignof(float) != 0) {
      throw FormatError(concat(where(name), ": expected its bytes at a multiple of 4, found them elsewhere"));
    }
    const std::span<const float> values(reinterpret_cast<const float*>(view.bytes.data()),
                                        view.bytes.size() / 4);
    if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); })) {
      throw FormatError(concat(where(name), ": expected finite values, found NaN or infinity"));
    }
    return values;
  }

  NormWeights norm(const std::string& name) const {
    const Shape shape = {header_.config.hidden_size};
    return {.weight = floats(name + ".weight", shape).data(), .bias = floats(name + ".bias", shape).data()};
  }

  PackedLinear linear(const std::string& name, std::int64_t in, std::int64_t out) const {
    const kernels::PanelShape shape{.rows = out, .cols = in, .bits = header_.quantization.weight_bits};
    const std::string weight = name + ".weight";
    const TensorView& codes =
        find(weight + format::kCodesSuffix, DType::kU8, {shape.panels(), shape.lines(), kernels::kLineBytes});
    const auto* panels = reinterpret_cast<const std::uint8_t*>(codes.bytes.data());
    if (!kernels::panels_hold_codes(panels, shape)) {
      throw FormatError(concat(where(codes.name), ": expected fields that stand for codes, found another"));
    }
    const bool by_row = header_.quantization.weight_granularity == format::WeightGranularity::kRow;
    return {.shape = shape,
            .panels = panels,
            .scales = floats(weight + format::kScalesSuffix, {by_row ? out : 1}),
            .bias = floats(name + ".bias", {out}).data()};
  }

  WordEmbedding word_embedding(const std::string& name) const {
    const std::int64_t rows = header_.config.vocab_size;
    const int bits = header_.quantization.embedding_bits;
    WordEmbedding result{.bits = bits, .width = header_.config.hidden_size};
    if (bits == 32) {
      result.rows = std::as_bytes(floats(name, {rows, result.width})).data();
      result.row_bytes = result.width * 4;
      return result;
    }
    result.row_bytes = embedding_row_bytes(bits, result.width);
    const TensorView& codes =
        find(name + format::kCodesSuffix, bits == 8 ? DType::kI8 : DType::kU8, {rows, result.row_bytes});
    if (bits == 2 && !kernels::base3_holds_codes(reinterpret_cast<const std::uint8_t*>(codes.bytes.data()),
                                                 static_cast<std::int64_t>(codes.bytes.size()))) {
      throw FormatError(concat(where(codes.name), ": expected bytes up to 242, found a larger one"));
    }
    result.rows = codes.bytes.data();
    result.scales = floats(name + format::kScalesSuffix, {rows}).data();
    return result;
  }

 private:
  std::string where(const std::string& name) const {
    return concat(file_.path().string(), ": tensor '", name, "'");
  }

  const TensorView& find(const std::string& name, DType dtype, const Shape& shape) const {
    const TensorView& view = file_.tensor(name);
    if (view.dtype != dtype || view.shape != shape) {
      throw FormatError(concat(where(name), ": expected ", format::name_of(dtype), " ",
                               format::to_string(shape), ", found ", format::name_of(view.dtype), " ",
                               format::to_string(view.shape)));
    }
    return view;
  }

  const format::SafetensorsFile& file_;
  const format::PackedHeader& header_;
};

LayerWeights find_layer(const Finder& finder, const format::EncoderConfig& config,
                        const std::string& prefix) {
  const std::int64_t d = config.hidden_size;
  const std::int64_t f = config.intermediate_size;
  return {.query = finder.linear(prefix + ".attention.self.query", d, d),
          .key = finder.linear(prefix + ".attention.self.key", d, d),
          .value = finder.linear(prefix + ".attention.self.value", d, d),
          .attention_output = finder.linear(prefix + ".attention.output.dense", d, d),
          .intermediate = finder.linear(prefix + ".intermediate.dense", d, f),
          .output = finder.linear(prefix + ".output.dense", f, d),
          .attention_norm = finder.norm(prefix + ".attention.output.LayerNorm"),
          .output_norm = finder.norm(prefix + ".output.LayerNorm")};
}

void check_can_run(const format::SafetensorsFile& file, const format::PackedHeader& header) {
  if (!format::can_be_packed(header.quantization)) {
    throw FormatError(
        concat(file.path().string(), ": ", format::why_it_cannot_be_packed(header.quantization)));
  }
  if (header.config.num_labels == 0) {
    throw FormatError(concat(file.path().string(), ": expected a classifier, found none"));
  }
}

}  // namespace

std::int64_t embedding_row_bytes(int bits, std::int64_t width) {
  if (bits == 2) return kernels::base3_bytes(width);
  return bits == 4 ? (width + 1) / 2 : width;
}

void WordEmbedding::look_up(std::int64_t id, float* out) const {
  const std::byte* row = rows + id * row_bytes;
  if (bits == 32) {
    std::memcpy(out, row, static_cast<std::size_t>(row_bytes));
    return;
  }
  const float scale = scales[id];
  if (bits == 2) {
    kernels::unpack_base3(reinterpret_cast<const std::uint8_t*>(row), width, scale, out);
    return;
  }
  for (std::int64_t i = 0; i < width; ++i) {
    const int code = bits == 8 ? static_cast<std::int8_t>(row[i])
                               : (std::to_integer<int>(row[i / 2]) >> (4 * (i % 2)) & 15) - 8;
    out[i] = static_cast<float>(code) * scale;
  }
}

Weights find_weights(const format::SafetensorsFile& file, const format::PackedHeader& header) {
  check_can_run(file, header);
  const format::EncoderConfig& config = header.config;
  const Finder finder(file, header);
  const std::int64_t d = config.hidden_size;
  Weights weights;
  weights.word_embeddings = finder.word_embedding("bert.embeddings.word_embeddings.weight");
  weights.position_embeddings =
      finder.floats("bert.embeddings.position_embeddings.weight", {config.max_position_embeddings, d}).data();
  weights.token_type_embeddings =
      finder.floats("bert.embeddings.token_type_embeddings.weight", {config.type_vocab_size, d}).data();
  weights.embeddings_norm = finder.norm("bert.embeddings.LayerNorm");
  for (std::int64_t l = 0; l < config.num_hidden_layers; ++l) {
    weights.layers.push_back(find_layer(finder, config, concat("bert.encoder.layer.", l)));
  }
  weights.pooler = finder.linear("bert.pooler.dense", d, d);
  weights.classifier_weight = finder.floats("classifier.weight", {config.num_labels, d}).data();
  weights.classifier_bias = finder.floats("classifier.bias", {config.num_labels}).data();
  return weights;
}

}  // namespace kdqat::runtime
