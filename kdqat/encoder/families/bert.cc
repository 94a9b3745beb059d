#include "kdqat/encoder/families/families.h"

namespace kdqat::encoder {
namespace {

void read_bert(const ConfigReader& config, EncoderSpec& spec) {
  config.expect("position_embedding_type", "absolute");
  config.read_bert_fields(spec);
  spec.type_vocab_size = config.token_types("type_vocab_size", 1, 2);
}

}  // namespace

/// BERT (Devlin et al., 2019, arXiv:1810.04805).
const Family& bert_family() {
  static const Family family{
      .model_type = "bert",
      .architecture = "BertForSequenceClassification",
      .prefixes = {"bert."},
      .modules = {{Role::kWordEmbeddings, "bert.embeddings.word_embeddings"},
                  {Role::kPositionEmbeddings, "bert.embeddings.position_embeddings"},
                  {Role::kTokenTypeEmbeddings, "bert.embeddings.token_type_embeddings"},
                  {Role::kEmbeddingsNorm, "bert.embeddings.LayerNorm"},
                  {Role::kQuery, "bert.encoder.layer.*.attention.self.query"},
                  {Role::kKey, "bert.encoder.layer.*.attention.self.key"},
                  {Role::kValue, "bert.encoder.layer.*.attention.self.value"},
                  {Role::kAttentionOutput, "bert.encoder.layer.*.attention.output.dense"},
                  {Role::kAttentionNorm, "bert.encoder.layer.*.attention.output.LayerNorm"},
                  {Role::kIntermediate, "bert.encoder.layer.*.intermediate.dense"},
                  {Role::kOutput, "bert.encoder.layer.*.output.dense"},
                  {Role::kOutputNorm, "bert.encoder.layer.*.output.LayerNorm"},
                  {Role::kHeadDense, "bert.pooler.dense"},
                  {Role::kClassifier, "classifier"}},
      .ignored = {"cls."},
      .read = read_bert};
  return family;
}

}  // namespace kdqat::encoder
