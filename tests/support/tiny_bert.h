#pragma once

#include <torch/types.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "kdqat/data/batch_file.h"
#include "kdqat/distill/objective.h"
#include "kdqat/format/safetensors.h"
#include "kdqat/model/classifier.h"
#include "kdqat/model/pretrained.h"

/// The two-layer BERT of tests/fixtures/tiny-bert and what the paper's reference implementation computes with
/// it.
namespace kdqat::tests {

inline std::filesystem::path tiny_bert_file(const std::string& name) {
  return std::filesystem::path(KDQAT_TEST_FIXTURES) / "tiny-bert" / name;
}

inline nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream stream(path);
  return nlohmann::json::parse(stream);
}

inline std::map<std::string, torch::Tensor> read_tensors(const std::filesystem::path& path) {
  const format::SafetensorsFile file(path);
  std::map<std::string, torch::Tensor> tensors;
  for (const format::TensorView& view : file.tensors()) {
    torch::Tensor tensor = torch::empty(view.shape, torch::kFloat32);
    format::copy_as_float(view, {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
    tensors.emplace(view.name, tensor);
  }
  return tensors;
}

/// teacher.safetensors, or student.safetensors under a quantization.
inline model::Classifier load_tiny_bert(const std::string& weights_file,
                                        std::optional<format::QuantizationConfig> quantization = {}) {
  const encoder::EncoderConfig config = encoder::read_encoder_config(tiny_bert_file("config.json"));
  std::map<std::string, torch::Tensor> tensors = read_tensors(tiny_bert_file(weights_file));
  model::Weights weights = model::make_weights(config);
  for (const model::NamedParameter& parameter : model::named_parameters(weights, config)) {
    *parameter.tensor = tensors.at(parameter.name);
  }
  return {config, std::move(quantization), std::move(weights)};
}

/// BERT's hidden_dropout_prob: of the embeddings, of what a sublayer adds to its residual, of the head.
inline void set_hidden_dropout(model::Classifier& classifier, double probability) {
  encoder::EncoderConfig& config = classifier.config();
  config.dropout.embeddings = config.dropout.sa_output = config.dropout.output = probability;
  config.head.dropout = probability;
}

inline data::Batch load_tiny_batch(const std::string& name = "batch.safetensors") {
  return data::read_batch_file(
      tiny_bert_file(name),
      {.vocab_size = 120, .type_vocab_size = 2, .max_position_embeddings = 32, .num_labels = 3});
}

/// Quantization of the fixtures: weights, embedding and activations of these widths, a scale a tensor.
inline format::QuantizationConfig tiny_quantization(
    int weight_bits, format::ActivationGranularity granularity = format::ActivationGranularity::kTensor) {
  return {.weight_bits = weight_bits,
          .embedding_bits = weight_bits,
          .activation_bits = weight_bits == 32 ? 32 : 8,
          .weight_granularity = format::WeightGranularity::kTensor,
          .activation_granularity = granularity};
}

/// "w2a8", as the fixtures' files are called.
inline std::string suffix_of(int weight_bits) {
  return weight_bits == 32 ? "w32a32" : "w" + std::to_string(weight_bits) + "a8";
}

}  // namespace kdqat::tests
