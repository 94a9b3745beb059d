#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace kdqat::format {

/// Which weights of a matrix share one scale.
enum class WeightGranularity {
  kTensor,  ///< all of them (the paper)
  kRow,     ///< those of one output feature
};

/// Which activations share one dynamic scale.
enum class ActivationGranularity {
  kToken,   ///< inputs of linears: those of a token; Q, K, V and the attention map: those of a sentence and
            ///< head
  kTensor,  ///< all of a tensor, over the sentences of a batch (the paper)
};

std::string_view name_of(WeightGranularity granularity);      ///< "tensor" or "row"
std::string_view name_of(ActivationGranularity granularity);  ///< "token" or "tensor"

/// The inverse of name_of. Throw InvalidArgument for any other text.
WeightGranularity parse_weight_granularity(std::string_view name);
ActivationGranularity parse_activation_granularity(std::string_view name);

/// How a student is quantized; kept in its config.json so that it is evaluated as it was trained. 32 bits
/// stand for floating point.
struct QuantizationConfig {
  int weight_bits = 2;      ///< encoder linears and pooler: 2, 4, 8 or 32
  int embedding_bits = 2;   ///< word embedding, one scale a row: 2, 4, 8 or 32
  int activation_bits = 8;  ///< inputs of every quantized product: 8 or 32
  WeightGranularity weight_granularity = WeightGranularity::kTensor;
  ActivationGranularity activation_granularity = ActivationGranularity::kToken;

  bool operator==(const QuantizationConfig&) const = default;
};

/// An object with the struct's fields, granularities by name.
nlohmann::json to_json(const QuantizationConfig& config);

/// The inverse of to_json; an absent field has the struct's default. `where` opens every message, such as
/// "config.json: quantization". Throws FormatError that names the field, what was expected and what was
/// found, for a value that is no object, an unknown field, a wrong JSON type or a value that is not
/// supported.
QuantizationConfig quantization_config_from_json(const nlohmann::json& value, std::string_view where);

}  // namespace kdqat::format
