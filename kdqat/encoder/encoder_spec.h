#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kdqat/kernels/activation.h"

/// What an encoder is made of, for every family alike. A family (families/<family>.cc) fills it from
/// config.json; training and runtime read nothing else.
///
///   const EncoderConfig config = read_encoder_config("my-model/config.json");
///   config.hidden_size;                        // 768
///   config.norm_order == NormOrder::kPre;      // ModernBERT
namespace kdqat::encoder {

/// Where the LayerNorms of a layer stand.
enum class NormOrder {
  kPost,  ///< behind each residual: x = LayerNorm(x + f(x)) (BERT)
  kPre,   ///< before each sublayer: x = x + f(LayerNorm(x)) (ModernBERT)
};

/// What the attention of one layer sees.
struct LayerAttention {
  std::int64_t window = 0;  ///< pairs of tokens farther apart than this do not exist; 0: all pairs exist
  double rope_theta = 0.0;  ///< base of the rotary position embedding of query and key; 0: none
};

/// A learned bias of the scores by the distance of two tokens, shared by all layers (MPNet; T5's two-sided
/// buckets, Raffel et al., 2020, arXiv:1910.10683).
struct RelativeBias {
  std::int64_t rows = 32;  ///< of the table; those behind the buckets are never read
  std::int64_t buckets = 32;
  std::int64_t max_distance = 128;
};

/// Disentangled attention (DeBERTa; He et al., 2021, arXiv:2006.03654): scores get products of content with
/// embeddings of the relative position.
struct DisentangledAttention {
  bool content_to_position = true;
  bool position_to_content = true;
  bool share_key = true;              ///< positions pass through the projections of query and key
  bool norm = true;                   ///< LayerNorm on the relative embeddings
  std::int64_t position_buckets = 0;  ///< logarithmic buckets a side; 0: one embedding a distance
  std::int64_t max_relative_positions = 512;

  /// Embeddings a side; the table has twice as many rows.
  std::int64_t span() const { return position_buckets > 0 ? position_buckets : max_relative_positions; }
};

/// Which vector of a sequence a head reads.
enum class Pooling {
  kFirstToken,
  kMean,  ///< over the tokens of the sequence
};

/// A classification head: logits = classifier(dropout(norm(activation(dense(input_dropout(pooled)))))).
struct HeadSpec {
  Pooling pooling = Pooling::kFirstToken;
  kernels::Activation activation = kernels::Activation::kTanh;
  bool dense_bias = true;
  bool norm = false;           ///< LayerNorm behind the activation
  double input_dropout = 0.0;  ///< of the pooled vector
  double dropout = 0.1;        ///< before the classifier
};

/// Probabilities of dropping out, by what is dropped.
struct DropoutSpec {
  double embeddings = 0.1;  ///< behind their LayerNorm
  double attention_map = 0.1;
  double sa_output = 0.1;     ///< before the residual
  double intermediate = 0.0;  ///< between the two products of the feed-forward network
  double output = 0.1;        ///< of the feed-forward network, before the residual
  double relative_embeddings = 0.0;
};

/// The defaults are those of BERT-base.
struct EncoderSpec {
  std::int64_t vocab_size = 30522;
  std::int64_t embedding_size =
      768;  ///< width of the embeddings; a projection follows if it is not hidden_size
  std::int64_t hidden_size = 768;
  std::int64_t num_hidden_layers = 12;
  std::int64_t num_attention_heads = 12;
  std::int64_t intermediate_size = 3072;
  std::int64_t max_position_embeddings = 512;

  bool position_table = true;        ///< absolute position embeddings, added to the words'
  std::int64_t position_offset = 0;  ///< row of the first token in that table
  /// A token of this id takes its own row of that table and is not counted; none: every token is counted.
  std::optional<std::int64_t> padding_token_for_positions;
  std::int64_t type_vocab_size = 2;    ///< 0: no token types
  bool only_first_token_type = false;  ///< every token has type 0, whatever a request says

  NormOrder norm_order = NormOrder::kPost;
  bool first_attention_norm = true;  ///< of layer 0; without it, it is the identity
  bool final_norm = false;           ///< a LayerNorm behind the last layer
  kernels::Activation hidden_act = kernels::Activation::kGelu;
  bool gated = false;  ///< feed-forward: output(act(intermediate(x)) * gate(x))
  bool attention_bias = true;
  bool mlp_bias = true;
  bool norm_bias = true;
  double layer_norm_eps = 1e-12;

  std::vector<LayerAttention> layer_attention;  ///< a layer each; empty: as its default in every layer
  std::optional<RelativeBias> relative_bias;
  std::optional<DisentangledAttention> disentangled;

  DropoutSpec dropout;
  double initializer_range = 0.02;
  std::int64_t pad_token_id = 0;
  HeadSpec head;

  std::int64_t head_size() const { return hidden_size / num_attention_heads; }

  /// Tokens that a sequence may have.
  std::int64_t max_length() const {
    return position_table ? max_position_embeddings - position_offset : max_position_embeddings;
  }

  LayerAttention attention_of(std::int64_t layer) const {
    return layer_attention.empty() ? LayerAttention{} : layer_attention[static_cast<std::size_t>(layer)];
  }
};

}  // namespace kdqat::encoder
