#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kdqat/encoder/encoder_spec.h"
#include "kdqat/encoder/family.h"

/// config.json of an encoder with or without a classifier:
///
///   const EncoderConfig config = read_encoder_config("my-model/config.json");
///   config.family->model_type;   // "roberta"
///   config.labels;               // {"negative", "positive"}
namespace kdqat::encoder {

struct EncoderConfig : EncoderSpec {
  const Family* family = find_family("bert");
  std::vector<std::string> labels;  ///< id2label in the order of the ids; empty without a classifier

  /// Columns of the classifier: labels.size(), or 1 for a regression; 0 without a classifier.
  std::int64_t num_labels = 0;

  /// The whole file as read, so that what kdqat does not know passes through unchanged.
  nlohmann::json source = nlohmann::json::object();
};

/// Reads and checks config.json. An optional field that is null counts as absent. Without num_labels and
/// id2label, a file whose architectures name a *ForSequenceClassification has Hugging Face's default of two
/// labels, any other file no classifier; num_labels without id2label, or beside one of another size, gives
/// LABEL_0, LABEL_1 ...
///
/// Throws IoError if the file can't be read; FormatError that names the file, the field, what was expected
/// and what was found for:
///   - text that base::parse_json refuses, or a document that is no object;
///   - a model_type that no family has;
///   - whatever the family refuses: a missing size, a wrong JSON type, a variant that kdqat lacks;
///   - a size below 1 or above what kdqat takes: vocab_size 10^7, hidden_size 65536, layers, heads and
///     token types 1024, intermediate_size and positions 10^6, labels 10^5, all parameters 10^10;
///   - num_attention_heads that does not divide hidden_size; a pad_token_id outside of the vocabulary;
///   - labels whose ids are not 0 .. n-1 or that are not strings.
EncoderConfig read_encoder_config(const std::filesystem::path& path);

/// The same from a document that was read already; `where` stands for the file in messages.
EncoderConfig encoder_config_from_json(nlohmann::json document, const std::string& where);

/// The file for `config`: `source` with id2label, label2id and num_labels from `labels`, and the family's
/// architecture where there is a classifier.
nlohmann::json to_json(const EncoderConfig& config);

}  // namespace kdqat::encoder
