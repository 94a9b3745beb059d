#include "kdqat/train/bert_adam.h"

#include <algorithm>
#include <cmath>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"

namespace kdqat::train {
namespace {

/// Rows that are worth a thread.
constexpr std::int64_t kRowGrain = 16;

/// The values of a gradient, dense or the rows of a sparse one; undefined for none.
torch::Tensor gradient_values(const torch::Tensor& gradient) {
  if (!gradient.defined()) return {};
  return (gradient.is_sparse() ? gradient.coalesce()._values() : gradient).contiguous();
}

double norm_of(const torch::Tensor& values) {
  if (!values.defined()) return 0.0;
  return std::sqrt(kernels::sum_of_squares(values.data_ptr<float>(), values.numel()));
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
  for (std::int64_t update = 0; update < total_updates; ++update) {
    learning_rates_.push_back(static_cast<float>(scheduled_learning_rate(config, update, total_updates)));
  }
  for (const model::NamedParameter& parameter : parameters) {
    slots_.push_back({.name = parameter.name,
                      .parameter = *parameter.tensor,
                      .first_moment = torch::zeros(parameter.tensor->sizes(), torch::kFloat32),
                      .second_moment = torch::zeros(parameter.tensor->sizes(), torch::kFloat32),
                      .decays = parameter.decays,
                      .row_updates = {}});
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
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    const torch::Tensor gradient = slot.parameter.grad();
    kernels::BertAdamSettings settings = settings_of(slot);
    settings.gradient_factor =
        static_cast<float>(std::min(1.0, config_.max_gradient_norm / (norms[i] + 1e-6)));
    if (gradient.defined() && gradient.is_sparse()) {
      update_rows(settings, gradient, slot);
    } else {
      catch_up_all_rows(slot);
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

void BertAdam::catch_up(const torch::Tensor& rows) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor unique = std::get<0>(at::_unique(rows));
  const auto* row = unique.data_ptr<std::int64_t>();
  for (Slot& slot : slots_) {
    if (slot.row_updates.empty()) continue;
    base::parallel_for(0, unique.numel(), kRowGrain, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) catch_up_row(slot, row[i]);
    });
  }
}

void BertAdam::catch_up() {
  for (Slot& slot : slots_) catch_up_all_rows(slot);
}

kernels::BertAdamSettings BertAdam::settings_of(const Slot& slot) const {
  return {.learning_rate = static_cast<float>(learning_rate()),
          .beta1 = config_.beta1,
          .beta2 = config_.beta2,
          .epsilon = static_cast<float>(config_.epsilon),
          .weight_decay = slot.decays ? static_cast<float>(config_.weight_decay) : 0.0F};
}

void BertAdam::update_rows(const kernels::BertAdamSettings& settings, const torch::Tensor& gradient,
                           Slot& slot) {
  const std::int64_t width = slot.parameter.size(1);
  const torch::Tensor coalesced = gradient.coalesce();
  const torch::Tensor indices = coalesced._indices();
  const auto* rows = indices.data_ptr<std::int64_t>();
  const torch::Tensor values = coalesced._values().contiguous();
  if (slot.row_updates.empty()) {
    slot.row_updates.assign(static_cast<std::size_t>(slot.parameter.size(0)), updates_);
  }
  base::parallel_for(0, values.size(0), kRowGrain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      catch_up_row(slot, rows[i]);
      const std::int64_t start = rows[i] * width;
      kernels::bert_adam_update(
          settings, width, values.data_ptr<float>() + i * width, slot.parameter.data_ptr<float>() + start,
          slot.first_moment.data_ptr<float>() + start, slot.second_moment.data_ptr<float>() + start);
      slot.row_updates[static_cast<std::size_t>(rows[i])] = updates_ + 1;
    }
  });
}

void BertAdam::catch_up_row(Slot& slot, std::int64_t row) const {
  std::int64_t& done = slot.row_updates[static_cast<std::size_t>(row)];
  if (done == updates_) return;
  const std::int64_t width = slot.parameter.size(1);
  kernels::bert_adam_idle_updates(
      settings_of(slot),
      std::span(learning_rates_)
          .subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(updates_ - done)),
      width, slot.parameter.data_ptr<float>() + row * width,
      slot.first_moment.data_ptr<float>() + row * width, slot.second_moment.data_ptr<float>() + row * width);
  done = updates_;
}

void BertAdam::catch_up_all_rows(Slot& slot) const {
  base::parallel_for(0, static_cast<std::int64_t>(slot.row_updates.size()), kRowGrain,
                     [&](std::int64_t first, std::int64_t last) {
                       for (std::int64_t row = first; row < last; ++row) catch_up_row(slot, row);
                     });
  slot.row_updates.clear();
}

}  // namespace kdqat::train
