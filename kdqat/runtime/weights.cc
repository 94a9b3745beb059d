#include "kdqat/runtime/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "kdqat/base/error.h"
#include "kdqat/encoder/parameter_table.h"
#include "kdqat/kernels/base3.h"

namespace kdqat::runtime {
namespace {

using base::concat;
using base::FormatError;
using format::DType;
using format::Shape;
using format::TensorView;

/// Finds the tensors of each module, what they have to be in the parameter table.
class Finder {
 public:
  Finder(const format::SafetensorsFile& file, const format::PackedHeader& header, Weights& weights)
      : file_(file), quantization_(header.quantization), weights_(weights) {}

  void fill(const encoder::ParameterInfo& parameter) const {
    encoder::visit_module(weights_, parameter.role, parameter.layer,
                          [&](auto& module) { fill_module(parameter, module); });
  }

 private:
  void fill_module(const encoder::ParameterInfo& parameter, const float*& table) const {
    table = floats(parameter.name, parameter.shape).data();
  }

  void fill_module(const encoder::ParameterInfo& parameter, NormWeights& norm) const {
    (parameter.is_bias ? norm.bias : norm.weight) = floats(parameter.name, parameter.shape).data();
    if (norm.bias == nullptr) norm.bias = weights_.zeros.data();
  }

  void fill_module(const encoder::ParameterInfo& parameter, FloatLinear& linear) const {
    (parameter.is_bias ? linear.bias : linear.weight) = floats(parameter.name, parameter.shape).data();
    if (linear.bias == nullptr) linear.bias = weights_.zeros.data();
  }

  void fill_module(const encoder::ParameterInfo& parameter, PackedLinear& linear) const {
    if (parameter.is_bias) {
      linear.bias = floats(parameter.name, parameter.shape).data();
      return;
    }
    linear.shape = {
        .rows = parameter.shape[0], .cols = parameter.shape[1], .bits = quantization_.weight_bits};
    const TensorView& codes = find(parameter.name + format::kCodesSuffix, DType::kU8,
                                   {linear.shape.panels(), linear.shape.lines(), kernels::kLineBytes});
    linear.panels = reinterpret_cast<const std::uint8_t*>(codes.bytes.data());
    if (!kernels::panels_hold_codes(linear.panels, linear.shape)) {
      throw FormatError(concat(where(codes.name), ": expected fields that stand for codes, found another"));
    }
    const bool by_row = quantization_.weight_granularity == format::WeightGranularity::kRow;
    linear.scales = floats(parameter.name + format::kScalesSuffix, {by_row ? linear.shape.rows : 1});
    if (linear.bias == nullptr) linear.bias = weights_.zeros.data();
  }

  void fill_module(const encoder::ParameterInfo& parameter, WordEmbedding& embedding) const {
    const std::string& name = parameter.name;
    const std::int64_t rows = parameter.shape[0];
    const int bits = quantization_.embedding_bits;
    embedding = {.bits = bits, .width = parameter.shape[1]};
    if (bits == 32) {
      embedding.rows = std::as_bytes(floats(name, parameter.shape)).data();
      embedding.row_bytes = embedding.width * 4;
      return;
    }
    embedding.row_bytes = embedding_row_bytes(bits, embedding.width);
    const TensorView& codes =
        find(name + format::kCodesSuffix, bits == 8 ? DType::kI8 : DType::kU8, {rows, embedding.row_bytes});
    if (bits == 2 && !kernels::base3_holds_codes(reinterpret_cast<const std::uint8_t*>(codes.bytes.data()),
                                                 static_cast<std::int64_t>(codes.bytes.size()))) {
      throw FormatError(concat(where(codes.name), ": expected bytes up to 242, found a larger one"));
    }
    embedding.rows = codes.bytes.data();
    embedding.scales = floats(name + format::kScalesSuffix, {rows}).data();
  }

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
  const format::QuantizationConfig& quantization_;
  Weights& weights_;
};

void check_can_run(const format::SafetensorsFile& file, const format::PackedHeader& header,
                   const encoder::EncoderConfig& config) {
  if (!format::can_be_packed(header.quantization)) {
    throw FormatError(
        concat(file.path().string(), ": ", format::why_it_cannot_be_packed(header.quantization)));
  }
  if (config.num_labels == 0) {
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

Weights find_weights(const format::SafetensorsFile& file, const format::PackedHeader& header,
                     const encoder::EncoderConfig& config) {
  check_can_run(file, header, config);
  const std::vector<encoder::ParameterInfo> table = encoder::parameter_table(config);
  Weights weights;
  weights.layers.resize(static_cast<std::size_t>(config.num_hidden_layers));
  std::int64_t widest = 0;
  for (const encoder::ParameterInfo& parameter : table) widest = std::max(widest, parameter.shape[0]);
  weights.zeros.resize(static_cast<std::size_t>(widest));
  const Finder finder(file, header, weights);
  for (const encoder::ParameterInfo& parameter : table) finder.fill(parameter);
  return weights;
}

}  // namespace kdqat::runtime
