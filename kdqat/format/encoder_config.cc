#include "kdqat/format/encoder_config.h"

#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"

namespace kdqat::format {
namespace {

using base::concat;
using base::describe;
using base::FormatError;
using base::JsonFields;
using base::quote;
using base::read_json_file;
using nlohmann::json;

constexpr std::int64_t kMaxVocabSize = 10'000'000;
constexpr std::int64_t kMaxHiddenSize = 65'536;
constexpr std::int64_t kMaxLayers = 1024;
constexpr std::int64_t kMaxHeads = 1024;
constexpr std::int64_t kMaxIntermediateSize = 1'000'000;
constexpr std::int64_t kMaxPositions = 1'000'000;
constexpr std::int64_t kMaxTokenTypes = 1024;
constexpr std::int64_t kMaxLabels = 100'000;
constexpr std::int64_t kMaxParameters = 10'000'000'000;  // 40 GB in float32; BERT-large has 3.4e8
constexpr std::int64_t kDefaultLabels = 2;  // Hugging Face's, where a classifier's file is silent

std::string default_label(std::int64_t id) { return concat("LABEL_", id); }

void read_sizes(const JsonFields& fields, EncoderConfig& config) {
  config.vocab_size = fields.integer("vocab_size", 1, kMaxVocabSize);
  config.hidden_size = fields.integer("hidden_size", 1, kMaxHiddenSize);
  config.num_hidden_layers = fields.integer("num_hidden_layers", 1, kMaxLayers);
  config.num_attention_heads = fields.integer("num_attention_heads", 1, kMaxHeads);
  config.intermediate_size = fields.integer("intermediate_size", 1, kMaxIntermediateSize);
  config.max_position_embeddings = fields.integer("max_position_embeddings", 1, kMaxPositions);
  config.type_vocab_size = fields.integer_or("type_vocab_size", 1, kMaxTokenTypes, config.type_vocab_size);
  config.pad_token_id = fields.integer_or("pad_token_id", 0, config.vocab_size - 1, config.pad_token_id);
  if (config.hidden_size % config.num_attention_heads != 0) {
    fields.fail("num_attention_heads", concat("a divisor of hidden_size (", config.hidden_size, ")"));
  }
}

/// Throws FormatError if the sizes, each of them allowed, make a model that no machine here could hold.
void check_parameters(const JsonFields& fields, const EncoderConfig& config) {
  const std::int64_t rows = config.vocab_size + config.max_position_embeddings + config.type_vocab_size;
  const std::int64_t layer = config.hidden_size * (4 * config.hidden_size + 2 * config.intermediate_size);
  const std::int64_t parameters = rows * config.hidden_size + config.num_hidden_layers * layer;
  if (parameters > kMaxParameters) {
    throw FormatError(concat(fields.where(), ": expected sizes that make at most ", kMaxParameters,
                             " parameters, found about ", parameters));
  }
}

/// A probability of dropping out; 1 would drop everything.
double read_dropout(const JsonFields& fields, std::string_view name, double fallback) {
  const double probability = fields.number_or(name, fallback);
  if (!(probability >= 0.0 && probability < 1.0)) fields.fail(name, "a number of at least 0 and below 1");
  return probability;
}

double read_positive(const JsonFields& fields, std::string_view name, double fallback) {
  const double value = fields.number_or(name, fallback);
  if (!(value > 0.0)) fields.fail(name, "a number above 0");
  return value;
}

void check_architecture(const JsonFields& fields) {
  const auto expect = [&](std::string_view name, std::string_view value) {
    if (fields.string_or(name, value) != value) fields.fail(name, concat('"', value, '"'));
  };
  expect("model_type", "bert");
  expect("hidden_act", "gelu");
  expect("position_embedding_type", "absolute");
  const json* const is_decoder = fields.find("is_decoder");
  if (is_decoder != nullptr && *is_decoder != false) fields.fail("is_decoder", "false");
}

bool has_classifier_architecture(const JsonFields& fields) {
  const json* const architectures = fields.find("architectures");
  if (architectures == nullptr) return false;
  if (!architectures->is_array()) fields.fail("architectures", "an array of strings");
  bool found = false;
  for (const json& architecture : *architectures) {
    if (!architecture.is_string()) fields.fail("architectures", "an array of strings");
    found = found || architecture.get_ref<const std::string&>().ends_with("ForSequenceClassification");
  }
  return found;
}

/// The labels of id2label, a map from "0", "1", ... to strings.
std::vector<std::string> read_id2label(const JsonFields& fields, const json& id2label) {
  if (!id2label.is_object()) fields.fail("id2label", "an object of labels");
  const std::size_t count = id2label.size();
  if (count == 0 || std::cmp_greater(count, kMaxLabels)) {
    throw FormatError(
        concat(fields.where(), ": id2label: expected from 1 to ", kMaxLabels, " labels, found ", count));
  }
  std::vector<std::string> labels(count);
  for (const auto& [key, label] : id2label.items()) {
    std::size_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    // Comparing texts also refuses "01", of which there could be two.
    if (error != std::errc() || id >= count || key != std::to_string(id)) {
      throw FormatError(
          concat(fields.where(), ": id2label: expected the ids 0 to ", count - 1, ", found ", quote(key)));
    }
    if (!label.is_string()) {
      throw FormatError(
          concat(fields.where(), ": id2label: ", quote(key), ": expected a string, found ", describe(label)));
    }
    labels[id] = label.get<std::string>();
  }
  return labels;
}

void read_labels(const JsonFields& fields, EncoderConfig& config) {
  const std::int64_t stated = fields.integer_or("num_labels", 1, kMaxLabels, 0);
  if (const json* const id2label = fields.find("id2label")) {
    config.labels = read_id2label(fields, *id2label);
    config.num_labels = static_cast<std::int64_t>(config.labels.size());
    if (stated != 0 && stated != config.num_labels) {
      fields.fail("num_labels", concat(config.num_labels, " (the labels of id2label)"));
    }
    return;
  }
  config.num_labels = stated == 0 && has_classifier_architecture(fields) ? kDefaultLabels : stated;
  for (std::int64_t id = 0; id < config.num_labels; ++id) config.labels.push_back(default_label(id));
}

}  // namespace

EncoderConfig read_encoder_config(const std::filesystem::path& path) {
  return encoder_config_from_json(read_json_file(path), path.string());
}

EncoderConfig encoder_config_from_json(json document, const std::string& where) {
  EncoderConfig config;
  config.source = std::move(document);
  const JsonFields fields(config.source, where);
  check_architecture(fields);
  read_sizes(fields, config);
  check_parameters(fields, config);
  config.layer_norm_eps = read_positive(fields, "layer_norm_eps", config.layer_norm_eps);
  config.initializer_range = read_positive(fields, "initializer_range", config.initializer_range);
  config.hidden_dropout_prob = read_dropout(fields, "hidden_dropout_prob", config.hidden_dropout_prob);
  config.attention_probs_dropout_prob =
      read_dropout(fields, "attention_probs_dropout_prob", config.attention_probs_dropout_prob);
  read_labels(fields, config);
  return config;
}

json to_json(const EncoderConfig& config) {
  json file = config.source;
  file["model_type"] = "bert";
  file["hidden_act"] = "gelu";
  file["vocab_size"] = config.vocab_size;
  file["hidden_size"] = config.hidden_size;
  file["num_hidden_layers"] = config.num_hidden_layers;
  file["num_attention_heads"] = config.num_attention_heads;
  file["intermediate_size"] = config.intermediate_size;
  file["max_position_embeddings"] = config.max_position_embeddings;
  file["type_vocab_size"] = config.type_vocab_size;
  file["layer_norm_eps"] = config.layer_norm_eps;
  file["hidden_dropout_prob"] = config.hidden_dropout_prob;
  file["attention_probs_dropout_prob"] = config.attention_probs_dropout_prob;
  file["initializer_range"] = config.initializer_range;
  file["pad_token_id"] = config.pad_token_id;
  for (const char* name : {"id2label", "label2id", "num_labels"}) file.erase(name);
  if (config.num_labels == 0) return file;

  file["architectures"] = {"BertForSequenceClassification"};
  file["num_labels"] = config.num_labels;
  for (std::int64_t id = 0; id < config.num_labels; ++id) {
    const std::size_t index = static_cast<std::size_t>(id);
    const std::string label = index < config.labels.size() ? config.labels[index] : default_label(id);
    file["id2label"][std::to_string(id)] = label;
    file["label2id"][label] = id;
  }
  return file;
}

}  // namespace kdqat::format
