#include "kdqat/encoder/families/families.h"

namespace kdqat::encoder {
namespace {

void read_electra(const ConfigReader& config, EncoderSpec& spec) {
  config.expect("position_embedding_type", "absolute");
  config.read_bert_fields(spec);
  spec.embedding_size = config.hidden_size("embedding_size");
  spec.type_vocab_size = config.token_types("type_vocab_size", 1, 2);
  spec.head.activation = kernels::Activation::kGelu;
  spec.head.input_dropout = spec.head.dropout;
}

}  // namespace

/// ELECTRA's discriminator (Clark et al., 2020, arXiv:2003.10555): BERT with embeddings that may be narrower.
const Family& electra_family() {
  static const Family family{
      .model_type = "electra",
      .architecture = "ElectraForSequenceClassification",
      .prefixes = {"electra."},
      .modules = {{Role::kWordEmbeddings, "electra.embeddings.word_embeddings"},
                  {Role::kPositionEmbeddings, "electra.embeddings.position_embeddings"},
                  {Role::kTokenTypeEmbeddings, "electra.embeddings.token_type_embeddings"},
                  {Role::kEmbeddingsNorm, "electra.embeddings.LayerNorm"},
                  {Role::kQuery, "electra.encoder.layer.*.attention.self.query"},
                  {Role::kKey, "electra.encoder.layer.*.attention.self.key"},
                  {Role::kValue, "electra.encoder.layer.*.attention.self.value"},
                  {Role::kAttentionOutput, "electra.encoder.layer.*.attention.output.dense"},
                  {Role::kAttentionNorm, "electra.encoder.layer.*.attention.output.LayerNorm"},
                  {Role::kIntermediate, "electra.encoder.layer.*.intermediate.dense"},
                  {Role::kOutput, "electra.encoder.layer.*.output.dense"},
                  {Role::kOutputNorm, "electra.encoder.layer.*.output.LayerNorm"},
                  {Role::kEmbeddingsProjection, "electra.embeddings_project"},
                  {Role::kHeadDense, "classifier.dense"},
                  {Role::kClassifier, "classifier.out_proj"}},
      .ignored = {"discriminator_predictions.", "generator_predictions.", "generator_lm_head."},
      .read = read_electra};
  return family;
}

}  // namespace kdqat::encoder
