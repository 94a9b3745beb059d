#include "kdqat/analysis/hessian.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "kdqat/base/error.h"

namespace kdqat::analysis {
namespace {

constexpr model::ForwardOptions kPlainPass{.dropout = {}, .form = quant::Form::kPlain};

torch::Tensor compute(const CompactModel& model, const HessianOptions& options, const Compactor* teacher,
                      const data::Batch& batch) {
  distill::ObjectiveConfig only;
  for (std::optional<double>& weight : only.weights) weight = 0.0;
  only.weights[static_cast<std::size_t>(options.loss)] = 1.0;
  model::ForwardOptions pass = kPlainPass;
  pass.signals = distill::needed_signals(only);
  const model::Signals signals = model.classifier.forward(model.batch, pass);
  model::Signals of_teacher;
  if (options.loss != distill::Loss::kGroundTruth) {
    if (teacher == nullptr) {
      throw base::InvalidArgument(
          base::concat("loss ", distill::name_of(options.loss), ": expected a teacher, found none"));
    }
    const torch::NoGradGuard no_grad;
    const CompactModel compact = teacher->compact(batch, options.dtype);
    of_teacher = compact.classifier.forward(compact.batch, pass);
  }
  const distill::LayerSelection layers;
  return distill::compute_loss(
             options.loss,
             {.teacher = of_teacher, .student = signals, .layers = layers, .form = quant::Form::kPlain},
             batch.labels, options.temperature)
      .total;
}

/// The parameters of these names, in the model's order; all where there are no names.
std::vector<CompactParameter> chosen(const std::vector<CompactParameter>& all,
                                     const std::vector<std::string>& names) {
  if (names.empty()) return all;
  for (const std::string& name : names) {
    const auto same = [&](const CompactParameter& parameter) { return parameter.name == name; };
    if (std::none_of(all.begin(), all.end(), same)) {
      throw base::InvalidArgument(base::concat("parameter: expected one of the model's, such as ",
                                               all.front().name, ", found '", name, "'"));
    }
  }
  std::vector<CompactParameter> result;
  for (const CompactParameter& parameter : all) {
    if (std::find(names.begin(), names.end(), parameter.name) != names.end()) result.push_back(parameter);
  }
  return result;
}

double whole_norm(const CompactParameter& parameter) {
  return std::sqrt(sum_of_squares(parameter.latent) + parameter.left_out_squares);
}

}  // namespace

Hessian::Hessian(const Compactor& model, const data::Batch& batch, const HessianOptions& options,
                 const Compactor* teacher)
    : options_(options) {
  if (!(options.norm_term >= 0.0)) {
    throw base::InvalidArgument(base::concat("norm term: expected 0 or more, found ", options.norm_term));
  }
  const CompactModel compact = model.compact(batch, options.dtype);
  for (CompactParameter& parameter : chosen(compact.parameters, options.parameters)) {
    parameter.value.requires_grad_(true);
    blocks_.push_back({.parameter = std::move(parameter), .gradient = {}});
  }
  const torch::Tensor loss = compute(compact, options, teacher, batch);
  loss_ = loss.item<double>();
  if (!std::isfinite(loss_))
    throw base::NumericError(base::concat("Hessian: expected a finite loss, found ", loss_));
  differentiate(loss);
  place_blocks();
}

void Hessian::differentiate(const torch::Tensor& loss) {
  std::vector<torch::Tensor> values;
  for (const Block& block : blocks_) values.push_back(block.parameter.value);
  const std::vector<torch::Tensor> gradients = torch::autograd::grad(
      {loss}, values, {}, /*retain_graph=*/true, /*create_graph=*/true, /*allow_unused=*/true);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (gradients[i].defined() && gradients[i].requires_grad()) blocks_[i].gradient = gradients[i];
  }
}

void Hessian::place_blocks() {
  for (Block& block : blocks_) {
    block.offset = size_;
    block.norm = whole_norm(block.parameter);
    size_ += block.parameter.value.numel();
  }
  for (Block& block : blocks_) {
    const CompactParameter& parameter = block.parameter;
    if (parameter.left_out == 0) continue;
    const bool coupled = options_.norm_term > 0.0 && parameter.left_out_squares > 0.0;
    if (coupled) block.rest = size_++;
    left_out_.push_back({.count = parameter.left_out - (coupled ? 1 : 0),
                         .eigenvalue = block.norm > 0.0 ? options_.norm_term / block.norm : 0.0});
  }
}

std::int64_t Hessian::num_parameters() const {
  std::int64_t count = size_;
  for (const LeftOut& left_out : left_out_) count += left_out.count;
  return count;
}

SymmetricOperator Hessian::matrix() const {
  return {.size = size_, .dtype = options_.dtype, .multiply = [this](const torch::Tensor& vector) {
            return multiply(vector);
          }};
}

torch::Tensor Hessian::multiply(const torch::Tensor& vector) const {
  std::vector<torch::Tensor> gradients;
  std::vector<torch::Tensor> directions;
  std::vector<torch::Tensor> values;
  for (const Block& block : blocks_) {
    const CompactParameter& parameter = block.parameter;
    values.push_back(parameter.value);
    if (!block.gradient.defined()) continue;
    torch::Tensor direction =
        vector.slice(0, block.offset, block.offset + parameter.value.numel()).view(parameter.value.sizes());
    if (parameter.passes.defined()) direction = direction * parameter.passes;
    gradients.push_back(block.gradient);
    directions.push_back(direction);
  }
  std::vector<torch::Tensor> products;
  if (gradients.empty()) {
    products.resize(values.size());
  } else {
    products = torch::autograd::grad(gradients, values, directions, /*retain_graph=*/true,
                                     /*create_graph=*/false, /*allow_unused=*/true);
  }
  torch::Tensor result = torch::zeros_like(vector);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (!products[i].defined()) continue;
    const Block& block = blocks_[i];
    torch::Tensor place = result.slice(0, block.offset, block.offset + products[i].numel());
    place.copy_(products[i].reshape({-1}));
    if (block.parameter.passes.defined()) place.mul_(block.parameter.passes.view({-1}));
  }
  if (options_.norm_term > 0.0) add_norm_term(vector, result);
  return result;
}

void Hessian::add_norm_term(const torch::Tensor& vector, torch::Tensor& result) const {
  for (const Block& block : blocks_) {
    const CompactParameter& parameter = block.parameter;
    if (block.norm == 0.0) continue;
    const torch::Tensor latent = parameter.latent.view({-1});
    const std::int64_t end = block.offset + latent.numel();
    const torch::Tensor direction = vector.slice(0, block.offset, end);
    const double rest = std::sqrt(parameter.left_out_squares);
    double along = torch::dot(latent, direction).item<double>();
    if (block.rest >= 0) along += rest * vector[block.rest].item<double>();
    const double factor = options_.norm_term / block.norm;
    torch::Tensor place = result.slice(0, block.offset, end);
    place.add_(direction, factor);
    place.add_(latent, -factor * along / (block.norm * block.norm));
    if (block.rest < 0) continue;
    result[block.rest] +=
        factor * (vector[block.rest].item<double>() - rest * along / (block.norm * block.norm));
  }
}

}  // namespace kdqat::analysis
