#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace kdqat::format {

/// config.json of a BERT encoder with a classifier: Hugging Face's names verbatim.
struct EncoderConfig {
  std::int64_t vocab_size = 30522;
  std::int64_t hidden_size = 768;
  std::int64_t num_hidden_layers = 12;
  std::int64_t num_attention_heads = 12;
  std::int64_t intermediate_size = 3072;
  std::int64_t max_position_embeddings = 512;
  std::int64_t type_vocab_size = 2;
  double layer_norm_eps = 1e-12;
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  double initializer_range = 0.02;
  std::int64_t pad_token_id = 0;
  std::vector<std::string> labels;  ///< id2label in order; empty where the file has no classifier (see num_labels)

  /// Columns of the classifier: labels.size(), or 1 for a regression; 0 without a classifier.
  std::int64_t num_labels = 0;

  /// The whole file as read, so that what kdqat does not know passes through unchanged.
  nlohmann::json source = nlohmann::json::object();

  std::int64_t head_size() const { return hidden_size / num_attention_heads; }
};

/// Reads and checks config.json. Throws IoError if it can't be read; FormatError that names the file, the field, what
/// was expected and what was found for: no JSON object, a missing required field (vocab_size, hidden_size,
/// num_hidden_layers, num_attention_heads, intermediate_size, max_position_embeddings), a field of a wrong JSON
/// type, a size below 1 or above what kdqat takes (vocab_size and intermediate_size 10^7 (vocab) / 10^6,
/// hidden_size 65536, layers and heads 1024, positions 10^6, labels 10^5), num_attention_heads that does not divide
/// hidden_size, dropout outside of [0, 1), another architecture (model_type other than "bert", hidden_act other than
/// "gelu", position_embedding_type other than "absolute"), labels whose ids are not 0 .. n-1 or that disagree
/// with num_labels.
EncoderConfig read_encoder_config(const std::filesystem::path& path);

/// The file for `config`: `source` with every known field set from the struct, id2label, label2id and num_labels from
/// `labels`, architectures ["BertForSequenceClassification"] where there is a classifier.
nlohmann::json to_json(const EncoderConfig& config);

}  // namespace kdqat::format
