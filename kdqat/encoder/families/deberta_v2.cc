#include "kdqat/encoder/families/families.h"

namespace kdqat::encoder {
namespace {

/// The kinds of scores that pos_att_type lists, as a list or as "p2c|c2p".
std::string position_kinds(const ConfigReader& config) {
  const nlohmann::json* const kinds = config.fields().find("pos_att_type");
  if (kinds == nullptr) return "";
  if (kinds->is_string()) return kinds->get<std::string>();
  std::string joined;
  if (!kinds->is_array()) config.fields().fail("pos_att_type", "an array of strings");
  for (const nlohmann::json& kind : *kinds) {
    if (!kind.is_string()) config.fields().fail("pos_att_type", "an array of strings");
    joined += kind.get<std::string>() + "|";
  }
  return joined;
}

std::optional<DisentangledAttention> read_attention(const ConfigReader& config, const EncoderSpec& spec) {
  const std::string kinds = position_kinds(config);
  const auto lists = [&](const char* kind) { return kinds.find(kind) != std::string::npos; };
  if (!config.fields().boolean_or("relative_attention", false)) {
    if (lists("c2p") || lists("p2c")) config.fields().fail("relative_attention", "true (pos_att_type)");
    return std::nullopt;
  }
  DisentangledAttention attention;
  attention.content_to_position = lists("c2p");
  attention.position_to_content = lists("p2c");
  attention.share_key = config.fields().boolean_or("share_att_key", false);
  attention.norm = config.fields().string_or("norm_rel_ebd", "none").find("layer_norm") != std::string::npos;
  attention.position_buckets = std::max<std::int64_t>(0, config.distance("position_buckets", -1));
  attention.max_relative_positions = config.distance("max_relative_positions", -1);
  if (attention.max_relative_positions < 1) attention.max_relative_positions = spec.max_position_embeddings;
  return attention;
}

void read_deberta_v2(const ConfigReader& config, EncoderSpec& spec) {
  config.read_bert_fields(spec);
  config.expect("embedding_size", spec.hidden_size);
  config.expect("attention_head_size", spec.head_size());
  config.expect("pooler_hidden_size", spec.hidden_size);
  config.expect("conv_kernel_size", 0);
  spec.position_table = config.fields().boolean_or("position_biased_input", true);
  spec.type_vocab_size = config.token_types("type_vocab_size", 0, 0);
  spec.disentangled = read_attention(config, spec);
  if (spec.disentangled) spec.dropout.relative_embeddings = spec.dropout.output;
  spec.head.activation = config.activation("pooler_hidden_act", "gelu");
  spec.head.input_dropout = config.dropout("pooler_dropout", 0.0);
  spec.head.dropout = config.dropout("cls_dropout", spec.dropout.output);
}

}  // namespace

/// DeBERTa-v2 and -v3 (He et al., 2021, arXiv:2006.03654, arXiv:2111.09543): disentangled attention.
const Family& deberta_v2_family() {
  static const Family family{
      .model_type = "deberta-v2",
      .architecture = "DebertaV2ForSequenceClassification",
      .prefixes = {"deberta."},
      .modules = {{Role::kWordEmbeddings, "deberta.embeddings.word_embeddings"},
                  {Role::kPositionEmbeddings, "deberta.embeddings.position_embeddings"},
                  {Role::kTokenTypeEmbeddings, "deberta.embeddings.token_type_embeddings"},
                  {Role::kEmbeddingsNorm, "deberta.embeddings.LayerNorm"},
                  {Role::kQuery, "deberta.encoder.layer.*.attention.self.query_proj"},
                  {Role::kKey, "deberta.encoder.layer.*.attention.self.key_proj"},
                  {Role::kValue, "deberta.encoder.layer.*.attention.self.value_proj"},
                  {Role::kAttentionOutput, "deberta.encoder.layer.*.attention.output.dense"},
                  {Role::kAttentionNorm, "deberta.encoder.layer.*.attention.output.LayerNorm"},
                  {Role::kIntermediate, "deberta.encoder.layer.*.intermediate.dense"},
                  {Role::kOutput, "deberta.encoder.layer.*.output.dense"},
                  {Role::kOutputNorm, "deberta.encoder.layer.*.output.LayerNorm"},
                  {Role::kPositionKey, "deberta.encoder.layer.*.attention.self.pos_key_proj"},
                  {Role::kPositionQuery, "deberta.encoder.layer.*.attention.self.pos_query_proj"},
                  {Role::kRelativeEmbeddings, "deberta.encoder.rel_embeddings"},
                  {Role::kRelativeNorm, "deberta.encoder.LayerNorm"},
                  {Role::kHeadDense, "pooler.dense"},
                  {Role::kClassifier, "classifier"}},
      .ignored = {"lm_predictions.", "mask_predictions.", "lm_head.", "cls.",
                  "deberta.embeddings.position_embeddings.", "deberta.encoder.LayerNorm."},
      .read = read_deberta_v2};
  return family;
}

}  // namespace kdqat::encoder
