#include "kdqat/encoder/families/families.h"

namespace kdqat::encoder {
namespace {

/// The base of one kind of layers' rotary embedding: transformers 5's rope_parameters, or the older field.
double read_theta(const ConfigReader& config, const char* kind, const char* older, double fallback) {
  const nlohmann::json* const all = config.fields().find("rope_parameters");
  if (all == nullptr || !all->is_object() || !all->contains(kind)) return config.positive(older, fallback);
  const base::JsonFields fields(all->at(kind), config.fields().where() + ": rope_parameters: " + kind);
  const ConfigReader rope(fields);
  rope.expect("rope_type", "default");
  return rope.positive("rope_theta", config.positive(older, fallback));
}

/// Whether each layer's attention is local: transformers 5's layer_types, or every n-th one is not.
std::vector<bool> read_local_layers(const ConfigReader& config, std::int64_t layers) {
  std::vector<bool> local;
  const nlohmann::json* const types = config.fields().find("layer_types");
  if (types == nullptr) {
    const std::int64_t every = config.fields().integer_or("global_attn_every_n_layers", 1, 1024, 3);
    for (std::int64_t layer = 0; layer < layers; ++layer) local.push_back(layer % every != 0);
    return local;
  }
  constexpr const char* kExpected = "a full_attention or sliding_attention for each layer";
  if (!types->is_array() || std::cmp_not_equal(types->size(), layers)) {
    config.fields().fail("layer_types", kExpected);
  }
  for (const nlohmann::json& type : *types) {
    if (type != "full_attention" && type != "sliding_attention")
      config.fields().fail("layer_types", kExpected);
    local.push_back(type == "sliding_attention");
  }
  return local;
}

std::vector<LayerAttention> read_layers(const ConfigReader& config, std::int64_t layers) {
  config.expect("rope_scaling", nullptr);
  const LayerAttention global{
      .window = 0, .rope_theta = read_theta(config, "full_attention", "global_rope_theta", 160000.0)};
  const LayerAttention local{
      .window = config.fields().integer_or("local_attention", 2, 1'000'000, 128) / 2,
      .rope_theta = read_theta(config, "sliding_attention", "local_rope_theta", 10000.0)};
  std::vector<LayerAttention> result;
  for (const bool is_local : read_local_layers(config, layers)) result.push_back(is_local ? local : global);
  return result;
}

Pooling read_pooling(const ConfigReader& config) {
  const std::string pooling = config.fields().string_or("classifier_pooling", "cls");
  if (pooling != "cls" && pooling != "mean")
    config.fields().fail("classifier_pooling", "\"cls\" or \"mean\"");
  return pooling == "mean" ? Pooling::kMean : Pooling::kFirstToken;
}

void read_modernbert(const ConfigReader& config, EncoderSpec& spec) {
  spec.vocab_size = config.vocab_size("vocab_size");
  spec.hidden_size = config.hidden_size("hidden_size");
  spec.embedding_size = spec.hidden_size;
  spec.num_hidden_layers = config.layers("num_hidden_layers");
  spec.num_attention_heads = config.heads("num_attention_heads");
  spec.intermediate_size = config.intermediate_size("intermediate_size");
  spec.max_position_embeddings = config.positions("max_position_embeddings");
  spec.position_table = false;
  spec.type_vocab_size = 0;
  spec.norm_order = NormOrder::kPre;
  spec.first_attention_norm = false;
  spec.final_norm = true;
  spec.gated = true;
  spec.hidden_act = config.activation("hidden_activation", "gelu");
  spec.layer_norm_eps = config.positive("norm_eps", 1e-5);
  spec.norm_bias = config.fields().boolean_or("norm_bias", false);
  spec.attention_bias = config.fields().boolean_or("attention_bias", false);
  spec.mlp_bias = config.fields().boolean_or("mlp_bias", false);
  spec.layer_attention = read_layers(config, spec.num_hidden_layers);
  const double attention = config.dropout("attention_dropout", 0.0);
  spec.dropout = {.embeddings = config.dropout("embedding_dropout", 0.0),
                  .attention_map = attention,
                  .sa_output = attention,
                  .intermediate = config.dropout("mlp_dropout", 0.0),
                  .output = 0.0};
  spec.head = {.pooling = read_pooling(config),
               .activation = config.activation("classifier_activation", "gelu"),
               .dense_bias = config.fields().boolean_or("classifier_bias", false),
               .norm = true,
               .dropout = config.dropout("classifier_dropout", 0.0)};
}

}  // namespace

/// ModernBERT (Warner et al., 2024, arXiv:2412.13663): norms before, rotary positions, local layers, a gated
/// MLP.
const Family& modernbert_family() {
  static const Family family{.model_type = "modernbert",
                             .architecture = "ModernBertForSequenceClassification",
                             .prefixes = {"model."},
                             .modules = {{Role::kWordEmbeddings, "model.embeddings.tok_embeddings"},
                                         {Role::kEmbeddingsNorm, "model.embeddings.norm"},
                                         {Role::kQuery, "model.layers.*.attn.Wqkv", 0, 3},
                                         {Role::kKey, "model.layers.*.attn.Wqkv", 1, 3},
                                         {Role::kValue, "model.layers.*.attn.Wqkv", 2, 3},
                                         {Role::kAttentionOutput, "model.layers.*.attn.Wo"},
                                         {Role::kAttentionNorm, "model.layers.*.attn_norm"},
                                         {Role::kIntermediate, "model.layers.*.mlp.Wi", 0, 2},
                                         {Role::kGate, "model.layers.*.mlp.Wi", 1, 2},
                                         {Role::kOutput, "model.layers.*.mlp.Wo"},
                                         {Role::kOutputNorm, "model.layers.*.mlp_norm"},
                                         {Role::kFinalNorm, "model.final_norm"},
                                         {Role::kHeadDense, "head.dense"},
                                         {Role::kHeadNorm, "head.norm"},
                                         {Role::kClassifier, "classifier"}},
                             .ignored = {"decoder."},
                             .read = read_modernbert};
  return family;
}

}  // namespace kdqat::encoder
