#include "kdqat/analysis/compact_model.h"

#include <ATen/ops/_unique2.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/model/forward_pass.h"
#include "kdqat/model/pretrained.h"

namespace kdqat::analysis {
namespace {

/// The same tensors, which no gradient recorded elsewhere reaches.
model::Weights detached(model::Classifier& classifier) {
  model::Weights weights = model::make_weights(classifier.config());
  const std::vector<model::NamedParameter> from = classifier.parameters();
  const std::vector<model::NamedParameter> to = model::named_parameters(weights, classifier.config());
  for (std::size_t i = 0; i < from.size(); ++i) *to[i].tensor = from[i].tensor->detach();
  return weights;
}

/// Of `quantization`, what is left where weights are replaced by the values of their codes.
std::optional<format::QuantizationConfig> of_activations(
    std::optional<format::QuantizationConfig> quantization) {
  if (quantization) quantization->weight_bits = quantization->embedding_bits = 32;
  return quantization;
}

void check_range(const torch::Tensor& ids, std::int64_t size, std::string_view what) {
  const auto smallest = ids.min().item<std::int64_t>();
  const auto largest = ids.max().item<std::int64_t>();
  if (smallest < 0 || largest >= size) {
    throw base::InvalidArgument(base::concat(what, " of the batch: expected 0 to ", size - 1, ", found ",
                                             smallest < 0 ? smallest : largest));
  }
}

/// Rows that a batch looks up, ascending, and its ids as positions among them.
struct LookedUp {
  torch::Tensor rows;
  torch::Tensor ids;
};

LookedUp look_up(const torch::Tensor& ids) {
  const auto [rows, inverse, counts] = at::_unique2(ids, /*sorted=*/true, /*return_inverse=*/true);
  return {.rows = rows, .ids = inverse};
}

}  // namespace

double sum_of_squares(const torch::Tensor& values) {
  return std::pow(values.norm(2, torch::kFloat64).item<double>(), 2);
}

Compactor::Compactor(model::Classifier& classifier)
    : config_(classifier.config()), quantization_(classifier.quantization()), latent_(detached(classifier)) {
  values_ = quantization_ ? model::dequantized(classifier).weights() : latent_;
}

CompactModel Compactor::compact(const data::Batch& batch, torch::ScalarType dtype) const {
  const torch::NoGradGuard no_grad;
  check_range(batch.input_ids, config_.vocab_size, "tokens");
  const torch::Tensor position_rows = model::position_rows(config_, batch);
  check_range(position_rows, config_.max_position_embeddings, "positions");
  const LookedUp words = look_up(batch.input_ids);
  const LookedUp positions = look_up(position_rows);
  const auto kept_rows = [&](encoder::Role role) {
    if (role == encoder::Role::kWordEmbeddings) return words.rows;
    return role == encoder::Role::kPositionEmbeddings ? positions.rows : torch::Tensor();
  };

  model::Weights latent_weights = latent_;
  model::Weights value_weights = values_;
  model::Weights weights = model::make_weights(config_);
  const std::vector<model::NamedParameter> latent = model::named_parameters(latent_weights, config_);
  const std::vector<model::NamedParameter> values = model::named_parameters(value_weights, config_);
  const std::vector<model::NamedParameter> compact = model::named_parameters(weights, config_);
  std::vector<CompactParameter> parameters;
  for (std::size_t i = 0; i < latent.size(); ++i) {
    const torch::Tensor rows = kept_rows(latent[i].role);
    const auto kept = [&](const torch::Tensor& tensor) {
      return (rows.defined() ? tensor.index_select(0, rows) : tensor).to(dtype).detach();
    };
    CompactParameter parameter{.name = latent[i].name,
                               .value = kept(*values[i].tensor),
                               .latent = kept(*latent[i].tensor),
                               .passes = {}};
    if (rows.defined()) {
      parameter.left_out = latent[i].tensor->numel() - parameter.value.numel();
      if (parameter.left_out > 0) {
        parameter.left_out_squares =
            std::max(0.0, sum_of_squares(*latent[i].tensor) - sum_of_squares(parameter.latent));
      }
    }
    if (quantization_ && model::weight_quantizer(latent[i], *quantization_)) {
      const torch::Tensor mask = quant::pass_through_mask(parameter.latent);
      if (!mask.all().item<bool>()) parameter.passes = mask;
    }
    *compact[i].tensor = parameter.value;
    parameters.push_back(std::move(parameter));
  }
  encoder::EncoderConfig config = config_;
  config.vocab_size = words.rows.numel();
  if (config.position_table) config.max_position_embeddings = positions.rows.numel();
  // The batch's positions are rows of the table now.
  config.position_offset = 0;
  config.padding_token_for_positions.reset();
  data::Batch renumbered = batch;
  renumbered.input_ids = words.ids;
  renumbered.position_ids = positions.ids;
  return {.classifier = {std::move(config), of_activations(quantization_), std::move(weights)},
          .batch = std::move(renumbered),
          .parameters = std::move(parameters)};
}

}  // namespace kdqat::analysis
