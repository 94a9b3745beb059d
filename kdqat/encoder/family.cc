#include "kdqat/encoder/family.h"

#include <array>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/encoder/families/families.h"

namespace kdqat::encoder {
namespace {

using base::concat;
using kernels::Activation;

constexpr std::int64_t kMaxVocabSize = 10'000'000;
constexpr std::int64_t kMaxHiddenSize = 65'536;
constexpr std::int64_t kMaxLayers = 1024;
constexpr std::int64_t kMaxHeads = 1024;
constexpr std::int64_t kMaxIntermediateSize = 1'000'000;
constexpr std::int64_t kMaxPositions = 1'000'000;
constexpr std::int64_t kMaxTokenTypes = 1024;

constexpr std::array<std::pair<std::string_view, Activation>, 9> kActivations = {
    {{"gelu", Activation::kGelu},
     {"gelu_python", Activation::kGelu},
     {"gelu_new", Activation::kGeluTanh},
     {"gelu_fast", Activation::kGeluTanh},
     {"gelu_pytorch_tanh", Activation::kGeluTanh},
     {"relu", Activation::kRelu},
     {"silu", Activation::kSilu},
     {"swish", Activation::kSilu},
     {"tanh", Activation::kTanh}}};

std::vector<const Family*>& known_families() {
  static std::vector<const Family*> all = {&bert_family(),      &roberta_family(),    &xlm_roberta_family(),
                                           &camembert_family(), &distilbert_family(), &electra_family(),
                                           &mpnet_family(),     &modernbert_family(), &deberta_v2_family()};
  return all;
}

}  // namespace

std::int64_t ConfigReader::vocab_size(std::string_view name) const {
  return fields_.integer(name, 1, kMaxVocabSize);
}
std::int64_t ConfigReader::hidden_size(std::string_view name) const {
  return fields_.integer(name, 1, kMaxHiddenSize);
}
std::int64_t ConfigReader::layers(std::string_view name) const {
  return fields_.integer(name, 1, kMaxLayers);
}
std::int64_t ConfigReader::heads(std::string_view name) const { return fields_.integer(name, 1, kMaxHeads); }
std::int64_t ConfigReader::intermediate_size(std::string_view name) const {
  return fields_.integer(name, 1, kMaxIntermediateSize);
}
std::int64_t ConfigReader::positions(std::string_view name) const {
  return fields_.integer(name, 1, kMaxPositions);
}
std::int64_t ConfigReader::token_types(std::string_view name, std::int64_t minimum,
                                       std::int64_t fallback) const {
  return fields_.integer_or(name, minimum, kMaxTokenTypes, fallback);
}

std::int64_t ConfigReader::pad_token_id(std::int64_t fallback, std::int64_t vocab_size) const {
  return fields_.integer_or("pad_token_id", 0, vocab_size - 1, fallback);
}
std::int64_t ConfigReader::distance(std::string_view name, std::int64_t fallback) const {
  return fields_.integer_or(name, -1, kMaxPositions, fallback);
}

double ConfigReader::dropout(std::string_view name, double fallback) const {
  // 1 would drop everything.
  const double probability = fields_.number_or(name, fallback);
  if (!(probability >= 0.0 && probability < 1.0)) fields_.fail(name, "a number of at least 0 and below 1");
  return probability;
}

double ConfigReader::positive(std::string_view name, double fallback) const {
  const double value = fields_.number_or(name, fallback);
  if (!(value > 0.0)) fields_.fail(name, "a number above 0");
  return value;
}

Activation ConfigReader::activation(std::string_view name, std::string_view fallback) const {
  const std::string value = fields_.string_or(name, fallback);
  std::string expected = "one of";
  for (const auto& [known, activation] : kActivations) {
    if (known == value) return activation;
    expected += concat(' ', known);
  }
  fields_.fail(name, expected);
}

void ConfigReader::expect(std::string_view name, const nlohmann::json& value) const {
  const nlohmann::json* const field = fields_.find(name);
  if (field != nullptr && *field != value) fields_.fail(name, value.dump());
}

void ConfigReader::read_bert_fields(EncoderSpec& spec) const {
  expect("is_decoder", false);
  spec.vocab_size = vocab_size("vocab_size");
  spec.hidden_size = hidden_size("hidden_size");
  spec.embedding_size = spec.hidden_size;
  spec.num_hidden_layers = layers("num_hidden_layers");
  spec.num_attention_heads = heads("num_attention_heads");
  spec.intermediate_size = intermediate_size("intermediate_size");
  spec.max_position_embeddings = positions("max_position_embeddings");
  spec.hidden_act = activation("hidden_act", "gelu");
  spec.layer_norm_eps = positive("layer_norm_eps", spec.layer_norm_eps);
  const double hidden = dropout("hidden_dropout_prob", 0.1);
  spec.dropout.embeddings = hidden;
  spec.dropout.sa_output = hidden;
  spec.dropout.output = hidden;
  spec.dropout.attention_map = dropout("attention_probs_dropout_prob", 0.1);
  spec.head.dropout = dropout("classifier_dropout", hidden);
}

const Family* find_family(std::string_view model_type) {
  for (const Family* family : known_families()) {
    if (family->model_type == model_type) return family;
  }
  return nullptr;
}

std::span<const Family* const> families() { return known_families(); }

void register_family(const Family& family) {
  if (find_family(family.model_type) != nullptr) {
    throw base::InvalidArgument(
        concat("family: expected a model_type that is not known, found ", family.model_type));
  }
  known_families().push_back(&family);
}

}  // namespace kdqat::encoder
