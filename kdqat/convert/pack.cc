#include "kdqat/convert/pack.h"

#include <string>
#include <utility>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/convert/packed_tensors.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/encoder/parameter_table.h"
#include "kdqat/format/packed_model.h"
#include "kdqat/kernels/base3.h"
#include "kdqat/kernels/panels.h"
#include "kdqat/model/pretrained.h"
#include "kdqat/quant/fake_quantize.h"
#include "kdqat/runtime/weights.h"
#include "kdqat/text/tokenizer_files.h"

namespace kdqat::convert {
namespace {

using format::DType;
using format::QuantizationConfig;

/// Rows of the word embedding: base 3 for 2 bits, two codes a byte for 4, int8 for 8.
std::vector<std::uint8_t> pack_rows(const torch::Tensor& codes, int bits) {
  const std::int64_t rows = codes.size(0);
  const std::int64_t width = codes.size(1);
  const std::int64_t row_bytes = runtime::embedding_row_bytes(bits, width);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(rows * row_bytes), 0);
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int8_t* from = codes.data_ptr<std::int8_t>() + row * width;
    std::uint8_t* to = bytes.data() + row * row_bytes;
    if (bits == 2) {
      kernels::pack_base3(from, width, to);
      continue;
    }
    for (std::int64_t i = 0; i < width; ++i) {
      if (bits == 8) {
        to[i] = static_cast<std::uint8_t>(from[i]);
      } else {
        to[i / 2] = static_cast<std::uint8_t>(to[i / 2] | (from[i] + 8) << (4 * (i % 2)));
      }
    }
  }
  return bytes;
}

void add_quantized(const model::NamedParameter& parameter, const QuantizationConfig& quantization,
                   PackedTensors& packed) {
  const quant::QuantizedTensor quantized =
      quant::quantize(parameter.tensor->detach(), *model::weight_quantizer(parameter, quantization),
                      model::weight_granularity(parameter, quantization));
  const torch::Tensor codes = quantized.codes.contiguous();
  const std::string name = parameter.name + format::kCodesSuffix;
  if (parameter.quantized_as == encoder::QuantizedAs::kWordEmbeddings) {
    const int bits = quantization.embedding_bits;
    packed.add_bytes(name, bits == 8 ? DType::kI8 : DType::kU8,
                     {codes.size(0), runtime::embedding_row_bytes(bits, codes.size(1))},
                     pack_rows(codes, bits));
  } else {
    const kernels::PanelShape shape{
        .rows = codes.size(0), .cols = codes.size(1), .bits = quantization.weight_bits};
    std::vector<std::uint8_t> panels(static_cast<std::size_t>(shape.bytes()));
    kernels::pack_panels(codes.data_ptr<std::int8_t>(), shape, panels.data());
    packed.add_bytes(name, DType::kU8, {shape.panels(), shape.lines(), kernels::kLineBytes},
                     std::move(panels));
  }
  packed.add_floats(parameter.name + format::kScalesSuffix, quantized.scales);
}

void check_can_pack(const model::Classifier& classifier, const std::filesystem::path& model_dir) {
  const auto& quantization = classifier.quantization();
  const std::string where = model_dir.string();
  if (!quantization) {
    throw base::InvalidArgument(
        base::concat(where,
                     ": expected a student (kdqat distill makes one), found a model in "
                     "floating point"));
  }
  if (!format::can_be_packed(*quantization)) {
    throw base::InvalidArgument(base::concat(where, ": ", format::why_it_cannot_be_packed(*quantization)));
  }
}

}  // namespace

void PackedTensors::add_bytes(const std::string& name, DType dtype, format::Shape shape,
                              std::vector<std::uint8_t> bytes) {
  owned_.push_back(std::move(bytes));
  tensors_.push_back({.name = name,
                      .dtype = dtype,
                      .shape = std::move(shape),
                      .bytes = std::as_bytes(std::span(owned_.back()))});
}

void PackedTensors::add_floats(const std::string& name, const torch::Tensor& values) {
  const torch::Tensor tensor = values.detach().contiguous();
  kept_.push_back(tensor);
  const std::span floats(tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel()));
  tensors_.push_back(
      {.name = name, .dtype = DType::kF32, .shape = tensor.sizes().vec(), .bytes = std::as_bytes(floats)});
}

PackedTensors pack_parameters(model::Classifier& student) {
  const QuantizationConfig& quantization = student.quantization().value();
  PackedTensors packed;
  for (const model::NamedParameter& parameter : student.parameters()) {
    if (model::weight_quantizer(parameter, quantization)) {
      add_quantized(parameter, quantization, packed);
    } else {
      packed.add_floats(parameter.name, *parameter.tensor);
    }
  }
  return packed;
}

std::int64_t pack(const std::filesystem::path& model_dir, const std::filesystem::path& output) {
  model::Classifier classifier = model::load_classifier(model_dir).classifier;
  check_can_pack(classifier, model_dir);
  format::PackedTokenizer tokenizer = format::pack_tokenizer(text::read_tokenizer(model_dir).json);
  format::PackedHeader header{.config = encoder::to_json(classifier.config()),
                              .quantization = *classifier.quantization(),
                              .tokenizer = tokenizer.encoding};
  nlohmann::json& section = header.config["kdqat"];
  section["quantization"] = format::to_json(header.quantization);
  section["max_seq_length"] = section.value("max_seq_length", classifier.config().max_length());

  PackedTensors packed = pack_parameters(classifier);
  const auto size = static_cast<std::int64_t>(tokenizer.bytes.size());
  packed.add_bytes(format::kTokenizerTensor, DType::kU8, {size}, std::move(tokenizer.bytes));
  format::write_safetensors(output, packed.tensors(), format::to_metadata(header));
  return static_cast<std::int64_t>(std::filesystem::file_size(output));
}

}  // namespace kdqat::convert
