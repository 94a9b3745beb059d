#include "kdqat/encoder/families/families.h"

namespace kdqat::encoder {
namespace {

void read_mpnet(const ConfigReader& config, EncoderSpec& spec) {
  constexpr std::int64_t kPaddingRow = 1;  // whatever pad_token_id says
  config.read_bert_fields(spec);
  spec.position_offset = kPaddingRow + 1;
  spec.padding_token_for_positions = kPaddingRow;
  spec.type_vocab_size = 0;
  // The table may be longer, but Hugging Face computes buckets for 32 rows always.
  spec.relative_bias =
      RelativeBias{.rows = config.fields().integer_or("relative_attention_num_buckets", 32, 1'000'000, 32)};
  spec.head.input_dropout = spec.dropout.output;
  spec.head.dropout = spec.dropout.output;
}

}  // namespace

/// MPNet (Song et al., 2020, arXiv:2004.09297): BERT without token types, whose scores have a relative bias.
const Family& mpnet_family() {
  static const Family family{
      .model_type = "mpnet",
      .architecture = "MPNetForSequenceClassification",
      .prefixes = {"mpnet."},
      .modules = {{Role::kWordEmbeddings, "mpnet.embeddings.word_embeddings"},
                  {Role::kPositionEmbeddings, "mpnet.embeddings.position_embeddings"},
                  {Role::kEmbeddingsNorm, "mpnet.embeddings.LayerNorm"},
                  {Role::kQuery, "mpnet.encoder.layer.*.attention.attn.q"},
                  {Role::kKey, "mpnet.encoder.layer.*.attention.attn.k"},
                  {Role::kValue, "mpnet.encoder.layer.*.attention.attn.v"},
                  {Role::kAttentionOutput, "mpnet.encoder.layer.*.attention.attn.o"},
                  {Role::kAttentionNorm, "mpnet.encoder.layer.*.attention.LayerNorm"},
                  {Role::kIntermediate, "mpnet.encoder.layer.*.intermediate.dense"},
                  {Role::kOutput, "mpnet.encoder.layer.*.output.dense"},
                  {Role::kOutputNorm, "mpnet.encoder.layer.*.output.LayerNorm"},
                  {Role::kRelativeAttentionBias, "mpnet.encoder.relative_attention_bias"},
                  {Role::kHeadDense, "classifier.dense"},
                  {Role::kClassifier, "classifier.out_proj"}},
      .ignored = {"lm_head.", "mpnet.pooler.", "pooler."},
      .read = read_mpnet};
  return family;
}

}  // namespace kdqat::encoder
