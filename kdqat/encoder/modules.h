#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

/// The modules of an encoder with a classifier, and where each stands. Training keeps tensors in them, the
/// runtime views of a mapped file:
///
///   struct TorchModules { using Table = torch::Tensor; using Linear = LinearParameters; ... };
///   Modules<TorchModules> weights;
///   visit_module(weights, Role::kQuery, 3, [](auto& module) { ... });   // weights.layers[3].query
namespace kdqat::encoder {

/// What a module is for. Those of a layer stand together.
enum class Role {
  kWordEmbeddings,
  kPositionEmbeddings,
  kTokenTypeEmbeddings,
  kEmbeddingsNorm,
  kEmbeddingsProjection,
  kRelativeAttentionBias,
  kRelativeEmbeddings,
  kRelativeNorm,
  kQuery,
  kKey,
  kValue,
  kPositionKey,
  kPositionQuery,
  kAttentionOutput,
  kAttentionNorm,
  kIntermediate,
  kGate,
  kOutput,
  kOutputNorm,
  kFinalNorm,
  kHeadDense,
  kHeadNorm,
  kClassifier,
};
inline constexpr std::size_t kRoles = static_cast<std::size_t>(Role::kClassifier) + 1;

/// "query", "word_embeddings"; the head's dense layer is "pooler".
std::string_view name_of(Role role);

constexpr bool is_of_layer(Role role) { return role >= Role::kQuery && role <= Role::kOutputNorm; }

/// Modules of one layer, those that an encoder lacks empty. D hidden, F intermediate.
template <typename Types>
struct LayerModules {
  typename Types::Linear query, key, value;             ///< [D, D]
  typename Types::Linear position_key, position_query;  ///< [D, D]: of relative embeddings, unless shared
  typename Types::Linear attention_output;              ///< [D, D]
  typename Types::Norm attention_norm;                  ///< behind or before attention
  typename Types::Linear intermediate;                  ///< [F, D]
  typename Types::Linear gate;                          ///< [F, D]
  typename Types::Linear output;                        ///< [D, F]
  typename Types::Norm output_norm;                     ///< behind or before the feed-forward network
};

/// All modules, those that an encoder lacks empty. V vocabulary, E embedding, C classes, H heads.
/// Types gives the types Embedding, Table, Linear (quantizable), FloatLinear and Norm.
template <typename Types>
struct Modules {
  typename Types::Embedding word_embeddings;          ///< [V, E]
  typename Types::Table position_embeddings;          ///< [max_position_embeddings, E]
  typename Types::Table token_type_embeddings;        ///< [type_vocab_size, E]
  typename Types::Norm embeddings_norm;               ///< [E]
  typename Types::FloatLinear embeddings_projection;  ///< [D, E]
  typename Types::Table relative_attention_bias;      ///< [buckets, H]
  typename Types::Table relative_embeddings;          ///< [2 span, D]
  typename Types::Norm relative_norm;                 ///< [D]
  std::vector<LayerModules<Types>> layers;
  typename Types::Norm final_norm;         ///< [D]
  typename Types::Linear head_dense;       ///< [D, D]
  typename Types::Norm head_norm;          ///< [D]
  typename Types::FloatLinear classifier;  ///< [C, D]
};

/// visit(module) for one module of a layer; the classifier's roles are none of these.
template <typename Layer, typename Visitor>
decltype(auto) visit_layer_module(Layer& layer, Role role, const Visitor& visit) {
  switch (role) {
    case Role::kQuery:
      return visit(layer.query);
    case Role::kKey:
      return visit(layer.key);
    case Role::kValue:
      return visit(layer.value);
    case Role::kPositionKey:
      return visit(layer.position_key);
    case Role::kPositionQuery:
      return visit(layer.position_query);
    case Role::kAttentionOutput:
      return visit(layer.attention_output);
    case Role::kAttentionNorm:
      return visit(layer.attention_norm);
    case Role::kIntermediate:
      return visit(layer.intermediate);
    case Role::kGate:
      return visit(layer.gate);
    case Role::kOutput:
      return visit(layer.output);
    default:
      return visit(layer.output_norm);
  }
}

/// visit(module) for one module; `layer` counts for those of a layer only.
template <typename Types, typename Visitor>
decltype(auto) visit_module(Modules<Types>& modules, Role role, std::int64_t layer, const Visitor& visit) {
  switch (role) {
    case Role::kWordEmbeddings:
      return visit(modules.word_embeddings);
    case Role::kPositionEmbeddings:
      return visit(modules.position_embeddings);
    case Role::kTokenTypeEmbeddings:
      return visit(modules.token_type_embeddings);
    case Role::kEmbeddingsNorm:
      return visit(modules.embeddings_norm);
    case Role::kEmbeddingsProjection:
      return visit(modules.embeddings_projection);
    case Role::kRelativeAttentionBias:
      return visit(modules.relative_attention_bias);
    case Role::kRelativeEmbeddings:
      return visit(modules.relative_embeddings);
    case Role::kRelativeNorm:
      return visit(modules.relative_norm);
    case Role::kFinalNorm:
      return visit(modules.final_norm);
    case Role::kHeadDense:
      return visit(modules.head_dense);
    case Role::kHeadNorm:
      return visit(modules.head_norm);
    case Role::kClassifier:
      return visit(modules.classifier);
    default:
      return visit_layer_module(modules.layers[static_cast<std::size_t>(layer)], role, visit);
  }
}

}  // namespace kdqat::encoder
