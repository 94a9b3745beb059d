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
  std::vector<std::string> labels;  ///< id2label in the order of the ids; empty without a classifier

  /// Columns of the classifier: labels.size(), or 1 for a regression; 0 without a classifier.
  std::int64_t num_labels = 0;

  /// The whole file as read, so that what kdqat does not know passes through unchanged.
  nlohmann::json source = nlohmann::json::object();

  std::int64_t head_size() const { return hidden_size / num_attention_heads; }
};

/// Reads and checks config.json. An optional field that is null counts as absent. Without num_labels and
/// id2label, a file whose architectures name a *ForSequenceClassification has Hugging Face's default of two
/// labels, any other file no classifier; num_labels without id2label gives LABEL_0, LABEL_1 ...
///
/// Throws IoError if the file can't be read; FormatError that names the file, the field, what was expected
/// and what was found for:
///   - text that parse_json refuses, or a document that is no object;
///   - a missing field of vocab_size, hidden_size, num_hidden_layers, num_attention_heads,
///     intermediate_size, max_position_embeddings; any known field of a wrong JSON type;
///   - a size below 1 or above what kdqat takes: vocab_size 10^7, hidden_size 65536, layers, heads and
///     token types 1024, intermediate_size and positions 10^6, labels 10^5, all parameters 10^10;
///   - num_attention_heads that does not divide hidden_size; a pad_token_id outside of the vocabulary;
///   - dropout outside of [0, 1); layer_norm_eps or initializer_range not above 0;
///   - another architecture: model_type other than "bert", hidden_act other than "gelu",
///     position_embedding_type other than "absolute", is_decoder;
///   - labels whose ids are not 0 .. n-1, that are not strings, or whose count is not num_labels.
EncoderConfig read_encoder_config(const std::filesystem::path& path);

/// The same from a document that was read already; `where` stands for the file in messages.
EncoderConfig encoder_config_from_json(nlohmann::json document, const std::string& where);

/// The file for `config`: `source` with every known field set from the struct, id2label, label2id and
/// num_labels from `labels`, architectures ["BertForSequenceClassification"] where there is a classifier.
nlohmann::json to_json(const EncoderConfig& config);

}  // namespace kdqat::format
