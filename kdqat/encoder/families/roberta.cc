#include "kdqat/encoder/families/families.h"

namespace kdqat::encoder {
namespace {

void read_roberta(const ConfigReader& config, EncoderSpec& spec) {
  config.expect("position_embedding_type", "absolute");
  config.read_bert_fields(spec);
  spec.type_vocab_size = config.token_types("type_vocab_size", 1, 2);
  spec.only_first_token_type = spec.type_vocab_size == 1;
  spec.padding_token_for_positions = config.pad_token_id(1, spec.vocab_size);
  spec.position_offset = *spec.padding_token_for_positions + 1;
  spec.head.input_dropout = spec.head.dropout;
}

Family make_family(std::string_view model_type, std::string_view architecture) {
  return {.model_type = model_type,
          .architecture = architecture,
          .prefixes = {"roberta.", "xlm-roberta.", "camembert."},
          .modules = {{Role::kWordEmbeddings, "roberta.embeddings.word_embeddings"},
                      {Role::kPositionEmbeddings, "roberta.embeddings.position_embeddings"},
                      {Role::kTokenTypeEmbeddings, "roberta.embeddings.token_type_embeddings"},
                      {Role::kEmbeddingsNorm, "roberta.embeddings.LayerNorm"},
                      {Role::kQuery, "roberta.encoder.layer.*.attention.self.query"},
                      {Role::kKey, "roberta.encoder.layer.*.attention.self.key"},
                      {Role::kValue, "roberta.encoder.layer.*.attention.self.value"},
                      {Role::kAttentionOutput, "roberta.encoder.layer.*.attention.output.dense"},
                      {Role::kAttentionNorm, "roberta.encoder.layer.*.attention.output.LayerNorm"},
                      {Role::kIntermediate, "roberta.encoder.layer.*.intermediate.dense"},
                      {Role::kOutput, "roberta.encoder.layer.*.output.dense"},
                      {Role::kOutputNorm, "roberta.encoder.layer.*.output.LayerNorm"},
                      {Role::kHeadDense, "classifier.dense"},
                      {Role::kClassifier, "classifier.out_proj"}},
          .ignored = {"lm_head.", "roberta.pooler.", "pooler."},
          .read = read_roberta};
}

}  // namespace

/// RoBERTa (Liu et al., 2019, arXiv:1907.11692): BERT with positions behind the padding token's, and a head
/// of its own.
const Family& roberta_family() {
  static const Family family = make_family("roberta", "RobertaForSequenceClassification");
  return family;
}

/// XLM-R (Conneau et al., 2020, arXiv:1911.02116).
const Family& xlm_roberta_family() {
  static const Family family = make_family("xlm-roberta", "XLMRobertaForSequenceClassification");
  return family;
}

/// CamemBERT (Martin et al., 2020, arXiv:1911.03894).
const Family& camembert_family() {
  static const Family family = make_family("camembert", "CamembertForSequenceClassification");
  return family;
}

}  // namespace kdqat::encoder
