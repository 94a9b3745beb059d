#include "kdqat/encoder/parameter_table.h"

#include <array>
#include <optional>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/encoder/family.h"

namespace kdqat::encoder {
namespace {

using Shape = std::vector<std::int64_t>;

constexpr std::array<std::string_view, kRoles> kNames = {"word_embeddings",
                                                         "position_embeddings",
                                                         "token_type_embeddings",
                                                         "embeddings_norm",
                                                         "embeddings_projection",
                                                         "relative_attention_bias",
                                                         "relative_embeddings",
                                                         "relative_norm",
                                                         "query",
                                                         "key",
                                                         "value",
                                                         "position_key",
                                                         "position_query",
                                                         "attention_output",
                                                         "attention_norm",
                                                         "intermediate",
                                                         "gate",
                                                         "output",
                                                         "output_norm",
                                                         "final_norm",
                                                         "pooler",
                                                         "head_norm",
                                                         "classifier"};

bool is_norm(Role role) {
  return role == Role::kEmbeddingsNorm || role == Role::kRelativeNorm || role == Role::kAttentionNorm ||
         role == Role::kOutputNorm || role == Role::kFinalNorm || role == Role::kHeadNorm;
}

/// Shape of a module's weight; nothing where the encoder has no such module.
std::optional<Shape> weight_shape(const EncoderConfig& config, Role role, std::int64_t layer) {
  const std::int64_t d = config.hidden_size;
  const std::int64_t e = config.embedding_size;
  const std::int64_t f = config.intermediate_size;
  const auto& disentangled = config.disentangled;
  const auto if_present = [](bool present, Shape shape) {
    return present ? std::optional(std::move(shape)) : std::nullopt;
  };
  switch (role) {
    case Role::kWordEmbeddings:
      return Shape{config.vocab_size, e};
    case Role::kPositionEmbeddings:
      return if_present(config.position_table, {config.max_position_embeddings, e});
    case Role::kTokenTypeEmbeddings:
      return if_present(config.type_vocab_size > 0, {config.type_vocab_size, e});
    case Role::kEmbeddingsNorm:
      return Shape{e};
    case Role::kEmbeddingsProjection:
      return if_present(e != d, {d, e});
    case Role::kRelativeAttentionBias:
      if (!config.relative_bias) return std::nullopt;
      return Shape{config.relative_bias->rows, config.num_attention_heads};
    case Role::kRelativeEmbeddings:
      return disentangled ? std::optional(Shape{2 * disentangled->span(), d}) : std::nullopt;
    case Role::kRelativeNorm:
      return if_present(disentangled && disentangled->norm, {d});
    case Role::kPositionKey:
      return if_present(disentangled && !disentangled->share_key && disentangled->content_to_position,
                        {d, d});
    case Role::kPositionQuery:
      return if_present(disentangled && !disentangled->share_key && disentangled->position_to_content,
                        {d, d});
    case Role::kAttentionNorm:
      return if_present(layer > 0 || config.first_attention_norm, {d});
    case Role::kIntermediate:
      return Shape{f, d};
    case Role::kGate:
      return if_present(config.gated, {f, d});
    case Role::kOutput:
      return Shape{d, f};
    case Role::kOutputNorm:
      return Shape{d};
    case Role::kFinalNorm:
      return if_present(config.final_norm, {d});
    case Role::kHeadNorm:
      return if_present(config.head.norm, {d});
    case Role::kClassifier:
      return if_present(config.num_labels > 0, {config.num_labels, d});
    case Role::kQuery:
    case Role::kKey:
    case Role::kValue:
    case Role::kAttentionOutput:
    case Role::kHeadDense:
      break;
  }
  return Shape{d, d};
}

bool has_bias(const EncoderConfig& config, Role role) {
  if (is_norm(role)) return config.norm_bias;
  switch (role) {
    case Role::kQuery:
    case Role::kKey:
    case Role::kValue:
    case Role::kPositionKey:
    case Role::kPositionQuery:
    case Role::kAttentionOutput:
      return config.attention_bias;
    case Role::kIntermediate:
    case Role::kGate:
    case Role::kOutput:
      return config.mlp_bias;
    case Role::kHeadDense:
      return config.head.dense_bias;
    case Role::kClassifier:
    case Role::kEmbeddingsProjection:
      return true;
    default:
      return false;
  }
}

QuantizedAs quantized_as(Role role) {
  if (role == Role::kWordEmbeddings) return QuantizedAs::kWordEmbeddings;
  const bool linear = role == Role::kHeadDense || (is_of_layer(role) && !is_norm(role));
  return linear ? QuantizedAs::kLinear : QuantizedAs::kNone;
}

const ModuleName& name_in(const Family& family, Role role) {
  for (const ModuleName& module : family.modules) {
    if (module.role == role) return module;
  }
  throw base::InvalidArgument(base::concat("family ", family.model_type, ": expected a name of the module ",
                                           name_of(role), ", found none"));
}

/// The module's name with the layer's number for its star.
std::string with_layer(std::string_view name, std::int64_t layer) {
  const std::size_t star = name.find('*');
  if (star == std::string_view::npos) return std::string(name);
  return base::concat(name.substr(0, star), layer, name.substr(star + 1));
}

void append_module(const EncoderConfig& config, Role role, std::int64_t layer,
                   std::vector<ParameterInfo>& table) {
  const std::optional<Shape> shape = weight_shape(config, role, layer);
  if (!shape) return;
  const ModuleName& module = name_in(*config.family, role);
  const auto append = [&](const char* suffix, Shape of_parameter) {
    ParameterInfo info{.name = {},
                       .shape = std::move(of_parameter),
                       .role = role,
                       .is_bias = std::string_view(suffix) == ".bias",
                       .layer = layer,
                       .tensor_name = with_layer(module.name, layer) + suffix,
                       .part = module.part,
                       .parts = module.parts};
    info.name = module.parts == 1 ? info.tensor_name : base::concat(info.tensor_name, '#', name_of(role));
    info.quantized_as = info.is_bias ? QuantizedAs::kNone : quantized_as(role);
    info.decays = !info.is_bias && !is_norm(role);
    table.push_back(std::move(info));
  };
  append(".weight", *shape);
  if (has_bias(config, role)) append(".bias", {shape->front()});
}

}  // namespace

std::string_view name_of(Role role) { return kNames[static_cast<std::size_t>(role)]; }

std::int64_t ParameterInfo::numel() const {
  std::int64_t count = 1;
  for (const std::int64_t dimension : shape) count *= dimension;
  return count;
}

std::vector<ParameterInfo> parameter_table(const EncoderConfig& config) {
  std::vector<ParameterInfo> table;
  const auto append = [&](Role first, Role last, std::int64_t layer) {
    for (auto role = static_cast<std::size_t>(first); role <= static_cast<std::size_t>(last); ++role) {
      append_module(config, static_cast<Role>(role), layer, table);
    }
  };
  append(Role::kWordEmbeddings, Role::kRelativeNorm, -1);
  for (std::int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    append(Role::kQuery, Role::kOutputNorm, layer);
  }
  append(Role::kFinalNorm, Role::kClassifier, -1);
  return table;
}

std::int64_t count_parameters(const EncoderConfig& config) {
  std::int64_t count = 0;
  for (const ParameterInfo& parameter : parameter_table(config)) count += parameter.numel();
  return count;
}

}  // namespace kdqat::encoder
