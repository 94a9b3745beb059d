#include "kdqat/train/bert_adam.h"

#include <algorithm>
#include <cmath>

#include "kdqat/base/error.h"
#include "kdqat/kernels/bert_adam.h"

namespace kdqat::train {
namespace {

/// The values of a gradient, dense [n] or the rows of a coalesced sparse one; undefined for none.
torch::Tensor gradient_values(const torch::Tensor& gradient) {
  if (!gradient.defined()) return {};
  return (gradient.is_sparse() ? gradient._values() : gradient).contiguous();
}

double norm_of(const torch::Tensor& values) {
  if (!values.defined()) return 0.0;
  return std::sqrt(kernels::sum_of_squares(values.data_ptr<float>(), values.numel()));
}

/// Updates a parameter of which only some rows have a gradient: row by row, those between with zeros.
void update_sparse(const kernels::BertAdamSettings& settings, const torch::Tensor& gradient,
                   BertAdam::Slot& slot) {
  const std::int64_t width = slot.parameter.size(1);
  const torch::Tensor indices = gradient._indices();
  const auto* rows = indices.data_ptr<std::int64_t>();
  const torch::Tensor values = gradient._values().contiguous();
  float* weights = slot.parameter.data_ptr<float>();
  float* first = slot.first_moment.data_ptr<float>();
  float* second = slot.second_moment.data_ptr<float>();
  const auto update_rows = [&](std::int64_t begin, std::int64_t end, const float* source) {
    kernels::bert_adam_update(settings, (end - begin) * width, source, weights + begin * width,
                              first + begin * width, second + begin * width);
  };
  std::int64_t next = 0;
  for (std::int64_t i = 0; i < values.size(0); ++i) {
    if (rows[i] > next) update_rows(next, rows[i], nullptr);
    update_rows(rows[i], rows[i] + 1, values.data_ptr<float>() + i * width);
    next = rows[i] + 1;
  }
  if (next < slot.parameter.size(0)) update_rows(next, slot.parameter.size(0), nullptr);
}

}  // namespace

double scheduled_learning_rate(const BertAdamConfig& config, std::int64_t update,
                               std::int64_t total_updates) {
  const double x = static_cast<double>(update) / static_cast<double>(total_updates);
  if (x < config.warmup_proportion) return config.learning_rate * x / config.warmup_proportion;
  return config.learning_rate * (1.0 - x) / (1.0 - config.warmup_proportion);
}

BertAdam::BertAdam(BertAdamConfig config, const std::vector<model::NamedParameter>& parameters,
                   std::int64_t total_updates)
    : config_(config), total_updates_(total_updates) {
  for (const model::NamedParameter& parameter : parameters) {
    const bool decays =
        !parameter.name.ends_with(".bias") && parameter.name.find("LayerNorm") == std::string::npos;
    slots_.push_back({.name = parameter.name,
                      .parameter = *parameter.tensor,
                      .first_moment = torch::zeros(parameter.tensor->sizes(), torch::kFloat32),
                      .second_moment = torch::zeros(parameter.tensor->sizes(), torch::kFloat32),
                      .decays = decays});
  }
}

void BertAdam::update() {
  const torch::NoGradGuard no_grad;
  std::vector<double> norms;
  for (const Slot& slot : slots_) {
    norms.push_back(norm_of(gradient_values(slot.parameter.grad())));
    if (!std::isfinite(norms.back())) {
      throw base::NumericError(base::concat("update ", updates_, ": gradient of '", slot.name,
                                            "': expected finite values, found a norm of ", norms.back()));
    }
  }
  kernels::BertAdamSettings settings{.learning_rate = static_cast<float>(learning_rate()),
                                     .beta1 = config_.beta1,
                                     .beta2 = config_.beta2,
                                     .epsilon = static_cast<float>(config_.epsilon)};
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    const torch::Tensor gradient = slot.parameter.grad();
    settings.weight_decay = slot.decays ? static_cast<float>(config_.weight_decay) : 0.0F;
    settings.gradient_factor =
        static_cast<float>(std::min(1.0, config_.max_gradient_norm / (norms[i] + 1e-6)));
    if (gradient.defined() && gradient.is_sparse()) {
      update_sparse(settings, gradient, slot);
    } else {
      const torch::Tensor values = gradient_values(gradient);
      kernels::bert_adam_update(settings, slot.parameter.numel(),
                                values.defined() ? values.data_ptr<float>() : nullptr,
                                slot.parameter.data_ptr<float>(), slot.first_moment.data_ptr<float>(),
                                slot.second_moment.data_ptr<float>());
    }
    slot.parameter.mutable_grad() = torch::Tensor();
  }
  ++updates_;
}

}  // namespace kdqat::train
