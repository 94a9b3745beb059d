#include "kdqat/encoder/encoder_config.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/encoder/families/families.h"
#include "kdqat/encoder/parameter_table.h"

namespace kdqat::encoder {
namespace {

using base::concat;
using base::describe;
using base::FormatError;
using base::JsonFields;
using base::quote;
using base::read_json_file;
using nlohmann::json;

constexpr std::int64_t kMaxLabels = 100'000;
constexpr std::int64_t kMaxParameters = 10'000'000'000;  // 40 GB in float32; BERT-large has 3.4e8
constexpr std::int64_t kDefaultLabels = 2;  // Hugging Face's, where a classifier's file is silent

std::string default_label(std::int64_t id) { return concat("LABEL_", id); }

/// Throws FormatError if the sizes, each of them allowed, make a model that no machine here could hold.
void check_sizes(const JsonFields& fields, const EncoderConfig& config) {
  if (config.hidden_size % config.num_attention_heads != 0) {
    throw FormatError(concat(fields.where(), ": num_attention_heads: expected a divisor of hidden_size (",
                             config.hidden_size, "), found ", config.num_attention_heads));
  }
  if (config.max_length() < 1) {
    throw FormatError(concat(fields.where(), ": max_position_embeddings: expected more than ",
                             config.position_offset, ", found ", config.max_position_embeddings));
  }
  const std::int64_t parameters = count_parameters(config);
  if (parameters > kMaxParameters) {
    throw FormatError(concat(fields.where(), ": expected sizes that make at most ", kMaxParameters,
                             " parameters, found about ", parameters));
  }
}

const Family& read_family(const JsonFields& fields) {
  const std::string model_type = fields.string_or("model_type", bert_family().model_type);
  if (const Family* const family = find_family(model_type)) return *family;
  std::string expected = "one of";
  for (const Family* family : families()) expected += concat(' ', family->model_type);
  fields.fail("model_type", expected);
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
    // As transformers reads it: another number of labels goes before their names.
    if (stated == 0 || stated == config.num_labels) return;
    config.labels.clear();
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
  config.family = &read_family(fields);
  const ConfigReader reader(fields);
  config.family->read(reader, config);
  config.initializer_range = reader.positive("initializer_range", config.initializer_range);
  config.pad_token_id =
      reader.pad_token_id(std::min(config.vocab_size - 1, config.pad_token_id), config.vocab_size);
  read_labels(fields, config);
  check_sizes(fields, config);
  return config;
}

json to_json(const EncoderConfig& config) {
  json file = config.source;
  for (const char* name : {"id2label", "label2id", "num_labels"}) file.erase(name);
  if (config.num_labels == 0) return file;

  file["architectures"] = {config.family->architecture};
  file["num_labels"] = config.num_labels;
  for (std::int64_t id = 0; id < config.num_labels; ++id) {
    const std::size_t index = static_cast<std::size_t>(id);
    const std::string label = index < config.labels.size() ? config.labels[index] : default_label(id);
    file["id2label"][std::to_string(id)] = label;
    file["label2id"][label] = id;
  }
  return file;
}

}  // namespace kdqat::encoder
