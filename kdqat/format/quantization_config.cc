#include "kdqat/format/quantization_config.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"

namespace kdqat::format {
namespace {

using base::concat;
using base::JsonFields;
using base::quote;
using nlohmann::json;

template <typename Enum>
using Names = std::array<std::pair<Enum, std::string_view>, 2>;

constexpr Names<WeightGranularity> kWeightGranularities = {
    {{WeightGranularity::kTensor, "tensor"}, {WeightGranularity::kRow, "row"}}};
constexpr Names<ActivationGranularity> kActivationGranularities = {
    {{ActivationGranularity::kToken, "token"}, {ActivationGranularity::kTensor, "tensor"}}};

template <typename Enum>
std::string_view find_name(const Names<Enum>& names, Enum value) {
  return names[0].first == value ? names[0].second : names[1].second;
}

template <typename Enum>
std::optional<Enum> find_value(const Names<Enum>& names, std::string_view name) {
  for (const auto& [value, text] : names) {
    if (text == name) return value;
  }
  return std::nullopt;
}

template <typename Enum>
std::string expected_of(const Names<Enum>& names) {
  return concat('"', names[0].second, "\" or \"", names[1].second, '"');
}

template <typename Enum>
Enum parse(const Names<Enum>& names, std::string_view name, std::string_view what) {
  if (const auto value = find_value(names, name)) return *value;
  throw base::InvalidArgument(concat(what, ": expected ", expected_of(names), ", found ", quote(name)));
}

template <typename Enum>
Enum read_granularity(const JsonFields& fields, std::string_view field, const Names<Enum>& names,
                      Enum fallback) {
  const json* const value = fields.find(field);
  if (value == nullptr) return fallback;
  if (value->is_string()) {
    if (const auto found = find_value(names, value->get_ref<const std::string&>())) return *found;
  }
  fields.fail(field, expected_of(names));
}

int read_bits(const JsonFields& fields, std::string_view field, std::initializer_list<int> allowed,
              int fallback) {
  const json* const value = fields.find(field);
  if (value == nullptr) return fallback;
  if (value->is_number_integer()) {
    for (const int bits : allowed) {
      if (*value == bits) return bits;
    }
  }
  std::string expected = "one of";
  for (const int bits : allowed) expected += concat(bits == *allowed.begin() ? " " : ", ", bits);
  fields.fail(field, expected);
}

}  // namespace

std::string_view name_of(WeightGranularity granularity) {
  return find_name(kWeightGranularities, granularity);
}

std::string_view name_of(ActivationGranularity granularity) {
  return find_name(kActivationGranularities, granularity);
}

WeightGranularity parse_weight_granularity(std::string_view name) {
  return parse(kWeightGranularities, name, "weight granularity");
}

ActivationGranularity parse_activation_granularity(std::string_view name) {
  return parse(kActivationGranularities, name, "activation granularity");
}

json to_json(const QuantizationConfig& config) {
  return {{"weight_bits", config.weight_bits},
          {"embedding_bits", config.embedding_bits},
          {"activation_bits", config.activation_bits},
          {"weight_granularity", name_of(config.weight_granularity)},
          {"activation_granularity", name_of(config.activation_granularity)}};
}

QuantizationConfig quantization_config_from_json(const json& value, std::string_view where) {
  const JsonFields fields(value, std::string(where));
  QuantizationConfig config;
  const json known = to_json(config);
  for (const auto& [name, field] : value.items()) {
    if (!known.contains(name)) {
      throw base::FormatError(
          concat(where, ": expected the fields of a quantization configuration, found ", quote(name)));
    }
    if (field.is_null()) fields.fail(name, "a value");
  }
  config.weight_bits = read_bits(fields, "weight_bits", {2, 4, 8, 32}, config.weight_bits);
  config.embedding_bits = read_bits(fields, "embedding_bits", {2, 4, 8, 32}, config.embedding_bits);
  config.activation_bits = read_bits(fields, "activation_bits", {8, 32}, config.activation_bits);
  config.weight_granularity =
      read_granularity(fields, "weight_granularity", kWeightGranularities, config.weight_granularity);
  config.activation_granularity = read_granularity(fields, "activation_granularity", kActivationGranularities,
                                                   config.activation_granularity);
  return config;
}

}  // namespace kdqat::format
