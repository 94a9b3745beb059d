#include "kdqat/encoder/families/families.h"

namespace kdqat::encoder {
namespace {

void read_distilbert(const ConfigReader& config, EncoderSpec& spec) {
  spec.vocab_size = config.vocab_size("vocab_size");
  spec.hidden_size = config.hidden_size("dim");
  spec.embedding_size = spec.hidden_size;
  spec.num_hidden_layers = config.layers("n_layers");
  spec.num_attention_heads = config.heads("n_heads");
  spec.intermediate_size = config.intermediate_size("hidden_dim");
  spec.max_position_embeddings = config.positions("max_position_embeddings");
  spec.type_vocab_size = 0;
  spec.hidden_act = config.activation("activation", "gelu");
  spec.dropout = {.embeddings = config.dropout("dropout", 0.1),
                  .attention_map = config.dropout("attention_dropout", 0.1),
                  .sa_output = 0.0,
                  .output = config.dropout("dropout", 0.1)};
  spec.head.activation = kernels::Activation::kRelu;
  spec.head.dropout = config.dropout("seq_classif_dropout", 0.2);
}

}  // namespace

/// DistilBERT (Sanh et al., 2019, arXiv:1910.01108): BERT without token types and with names of its own.
const Family& distilbert_family() {
  static const Family family{
      .model_type = "distilbert",
      .architecture = "DistilBertForSequenceClassification",
      .prefixes = {"distilbert."},
      .modules = {{Role::kWordEmbeddings, "distilbert.embeddings.word_embeddings"},
                  {Role::kPositionEmbeddings, "distilbert.embeddings.position_embeddings"},
                  {Role::kEmbeddingsNorm, "distilbert.embeddings.LayerNorm"},
                  {Role::kQuery, "distilbert.transformer.layer.*.attention.q_lin"},
                  {Role::kKey, "distilbert.transformer.layer.*.attention.k_lin"},
                  {Role::kValue, "distilbert.transformer.layer.*.attention.v_lin"},
                  {Role::kAttentionOutput, "distilbert.transformer.layer.*.attention.out_lin"},
                  {Role::kAttentionNorm, "distilbert.transformer.layer.*.sa_layer_norm"},
                  {Role::kIntermediate, "distilbert.transformer.layer.*.ffn.lin1"},
                  {Role::kOutput, "distilbert.transformer.layer.*.ffn.lin2"},
                  {Role::kOutputNorm, "distilbert.transformer.layer.*.output_layer_norm"},
                  {Role::kHeadDense, "pre_classifier"},
                  {Role::kClassifier, "classifier"}},
      .ignored = {"vocab_transform.", "vocab_layer_norm.", "vocab_projector."},
      .read = read_distilbert};
  return family;
}

}  // namespace kdqat::encoder
