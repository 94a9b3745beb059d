#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kdqat/format/packed_model.h"
#include "kdqat/kernels/base3.h"
#include "kdqat/kernels/panels.h"
#include "tests/kernels/random_codes.h"
#include "tests/kernels/random_values.h"

namespace kdqat::runtime {

/// A small random student as the tensors and metadata of a packed file, to be changed before it is written.
class PackedFile {
 public:
  struct Tensor {
    format::DType dtype;
    format::Shape shape;
    std::vector<std::byte> bytes;
  };

  explicit PackedFile(int weight_bits = 2, int embedding_bits = 2, std::int64_t labels = 3) {
    nlohmann::json config = {{"model_type", "bert"},
                             {"vocab_size", 12},
                             {"hidden_size", kHidden},
                             {"num_hidden_layers", 2},
                             {"num_attention_heads", 4},
                             {"intermediate_size", kIntermediate},
                             {"max_position_embeddings", kPositions},
                             {"num_labels", labels},
                             {"architectures", {"BertForSequenceClassification"}}};
    config["kdqat"] = {
        {"quantization",
         {{"weight_bits", weight_bits}, {"embedding_bits", embedding_bits}, {"activation_bits", 8}}},
        {"max_seq_length", 10}};
    header.version = 1;
    header.config = config;
    header.quantization = {.weight_bits = weight_bits, .embedding_bits = embedding_bits};
    header.max_seq_length = 10;
    header.tokenizer = {
        {"do_lower_case", true}, {"num_pieces", 12}, {"added_tokens", nlohmann::json::array()}};
    add_embeddings(embedding_bits);
    for (const std::string layer : {"0", "1"}) {
      const std::string prefix = "bert.encoder.layer." + layer;
      for (const char* name : {".attention.self.query", ".attention.self.key", ".attention.self.value",
                               ".attention.output.dense"}) {
        add_linear(prefix + name, kHidden, kHidden, weight_bits);
      }
      add_linear(prefix + ".intermediate.dense", kHidden, kIntermediate, weight_bits);
      add_linear(prefix + ".output.dense", kIntermediate, kHidden, weight_bits);
      add_norm(prefix + ".attention.output.LayerNorm");
      add_norm(prefix + ".output.LayerNorm");
    }
    add_linear("bert.pooler.dense", kHidden, kHidden, weight_bits);
    add_floats("classifier.weight", {labels, kHidden}, -1.0, 1.0);
    add_floats("classifier.bias", {labels}, -1.0, 1.0);
    const std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nfine\nfilm\n##s\n!\nbad\nthe\n";
    add("vocabulary", format::DType::kU8, {static_cast<std::int64_t>(vocabulary.size())}, vocabulary.data());
  }

  static constexpr std::int64_t kHidden = 36;  // not a multiple of a panel, nor of base 3's five
  static constexpr std::int64_t kIntermediate = 50;
  static constexpr std::int64_t kPositions = 16;

  std::filesystem::path write(const std::filesystem::path& path) const {
    std::vector<format::TensorToWrite> list;
    for (const auto& [name, tensor] : tensors) {
      list.push_back({.name = name, .dtype = tensor.dtype, .shape = tensor.shape, .bytes = tensor.bytes});
    }
    std::map<std::string, std::string> metadata = format::to_metadata(header);
    for (const auto& [key, value] : metadata_changes) metadata[key] = value;
    format::write_safetensors(path, list, metadata);
    return path;
  }

  format::PackedHeader header;
  std::map<std::string, std::string> metadata_changes;
  std::map<std::string, Tensor> tensors;

 private:
  template <typename Value>
  void add(const std::string& name, format::DType dtype, format::Shape shape, const Value* values) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    const auto* bytes = reinterpret_cast<const std::byte*>(values);
    tensors[name] = {
        dtype, std::move(shape), {bytes, bytes + count * static_cast<std::int64_t>(sizeof(Value))}};
  }

  void add_floats(const std::string& name, const format::Shape& shape, double low, double high) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    add(name, format::DType::kF32, shape, kernels::random_values(++seed_, count, low, high).data());
  }

  void add_norm(const std::string& name) {
    add_floats(name + ".weight", {kHidden}, 0.5, 1.5);
    add_floats(name + ".bias", {kHidden}, -0.1, 0.1);
  }

  void add_linear(const std::string& name, std::int64_t in, std::int64_t out, int bits) {
    const kernels::PanelShape shape{.rows = out, .cols = in, .bits = bits};
    std::vector<std::uint8_t> panels(static_cast<std::size_t>(shape.bytes()));
    kernels::pack_panels(kernels::random_codes(++seed_, in * out, kernels::magnitude_of(bits)).data(), shape,
                         panels.data());
    add(name + ".weight.codes", format::DType::kU8, {shape.panels(), shape.lines(), kernels::kLineBytes},
        panels.data());
    const double step = 0.2 / kernels::magnitude_of(bits);
    add_floats(name + ".weight.scales", {1}, step, 2 * step);
    add_floats(name + ".bias", {out}, -0.1, 0.1);
  }

  void add_embeddings(int bits) {
    const std::string name = "bert.embeddings.word_embeddings.weight";
    if (bits == 2) {
      const std::vector<std::int8_t> codes = kernels::random_codes(++seed_, 12 * kHidden, 1);
      std::vector<std::uint8_t> bytes(static_cast<std::size_t>(12 * kernels::base3_bytes(kHidden)));
      for (std::int64_t row = 0; row < 12; ++row) {
        kernels::pack_base3(codes.data() + row * kHidden, kHidden,
                            bytes.data() + row * kernels::base3_bytes(kHidden));
      }
      add(name + ".codes", format::DType::kU8, {12, kernels::base3_bytes(kHidden)}, bytes.data());
      add_floats(name + ".scales", {12}, 0.1, 0.5);
    } else {
      add_floats(name, {12, kHidden}, -0.5, 0.5);
    }
    add_floats("bert.embeddings.position_embeddings.weight", {kPositions, kHidden}, -0.1, 0.1);
    add_floats("bert.embeddings.token_type_embeddings.weight", {2, kHidden}, -0.1, 0.1);
    add_norm("bert.embeddings.LayerNorm");
  }

  std::uint64_t seed_ = 0;
};

}  // namespace kdqat::runtime
