#include "kdqat/distill/attention_loss.h"

#include <cmath>
#include <functional>

#include "kdqat/base/error.h"
#include "kdqat/distill/fused_loss.h"
#include "kdqat/kernels/loss.h"

namespace kdqat::distill {
namespace {

std::int64_t length_of(const LossInputs& inputs, std::size_t sentence) {
  return inputs.cu_seqlens[sentence + 1] - inputs.cu_seqlens[sentence];
}

/// Ragged [sum H n_b^2]: 1 / (B H n_b) at the pairs of sentence b.
torch::Tensor pair_weights(const LossInputs& inputs, const torch::TensorOptions& options) {
  const auto sentences = static_cast<std::int64_t>(inputs.cu_seqlens.size()) - 1;
  std::vector<double> weights;
  std::vector<std::int64_t> counts;
  for (std::size_t b = 0; b + 1 < inputs.cu_seqlens.size(); ++b) {
    const std::int64_t length = length_of(inputs, b);
    weights.push_back(1.0 / static_cast<double>(sentences * inputs.heads * length));
    counts.push_back(inputs.heads * length * length);
  }
  const torch::Tensor of_sentences = torch::tensor(weights, torch::kFloat64).to(options);
  return of_sentences.repeat_interleave(torch::tensor(counts, torch::kInt64));
}

/// body(sentence's [H, n, n]) of a ragged tensor, the results end to end.
torch::Tensor map_sentences(const LossInputs& inputs, const torch::Tensor& ragged,
                            const std::function<torch::Tensor(const torch::Tensor&)>& body) {
  std::vector<torch::Tensor> results;
  std::int64_t offset = 0;
  for (std::size_t b = 0; b + 1 < inputs.cu_seqlens.size(); ++b) {
    const std::int64_t length = length_of(inputs, b);
    const std::int64_t pairs = inputs.heads * length * length;
    results.push_back(
        body(ragged.slice(0, offset, offset + pairs).view({inputs.heads, length, length})).reshape({-1}));
    offset += pairs;
  }
  return torch::cat(results);
}

torch::Tensor softmax_at(const LossInputs& inputs, const torch::Tensor& scores, double temperature) {
  return map_sentences(inputs, scores, [&](const torch::Tensor& s) { return (s / temperature).softmax(-1); });
}

torch::Tensor weighted_divergence(const LossInputs& inputs, const torch::Tensor& teacher_map,
                                  const torch::Tensor& student_map) {
  if (inputs.form == quant::Form::kFused) return fused_divergence(inputs, student_map, teacher_map);
  const torch::Tensor teacher = teacher_map.clamp_min(kernels::kSmallestProbability);
  const torch::Tensor student = student_map.clamp_min(kernels::kSmallestProbability);
  return (pair_weights(inputs, student.options()) * (teacher * (teacher.log() - student.log()))).sum();
}

/// sum_ij (d_ij - mean_j d_ij)^2 / (2 n^2), mean over sentences and heads.
torch::Tensor limit_at_infinity(const LossInputs& inputs, const torch::Tensor& teacher_scores,
                                const torch::Tensor& student_scores) {
  const torch::Tensor terms =
      map_sentences(inputs, student_scores - teacher_scores, [](const torch::Tensor& d) {
        const torch::Tensor centred = d - d.mean(-1, /*keepdim=*/true);
        return centred * centred / (2.0 * static_cast<double>(d.size(-1)));
      });
  return (pair_weights(inputs, terms.options()) * terms).sum();
}

}  // namespace

LayerLoss attention_score_loss(const LossInputs& inputs) {
  const auto& student = inputs.student.attention_scores;
  std::vector<torch::Tensor> terms(student.size());
  for (const std::int64_t layer : inputs.layers.resolve(static_cast<std::int64_t>(student.size()))) {
    const auto l = static_cast<std::size_t>(layer);
    terms[l] = mean_squared_error(student[l], inputs.teacher.attention_scores[l], inputs.form);
  }
  return sum_terms(std::move(terms));
}

LayerLoss attention_map_loss(const LossInputs& inputs, double temperature) {
  if (!(temperature > 0.0)) {
    throw base::InvalidArgument(base::concat("temperature: expected more than 0, found ", temperature));
  }
  const auto& student = inputs.student;
  const auto& teacher = inputs.teacher;
  const auto layers = inputs.layers.resolve(static_cast<std::int64_t>(student.attention_map.size()));
  std::vector<torch::Tensor> terms(student.attention_map.size());
  for (const std::int64_t layer : layers) {
    const auto l = static_cast<std::size_t>(layer);
    if (std::isinf(temperature)) {
      terms[l] = limit_at_infinity(inputs, teacher.attention_scores[l], student.attention_scores[l]);
    } else if (temperature == 1.0) {
      terms[l] = weighted_divergence(inputs, teacher.attention_map[l], student.attention_map[l]);
    } else {
      terms[l] = temperature * temperature *
                 weighted_divergence(inputs, softmax_at(inputs, teacher.attention_scores[l], temperature),
                                     softmax_at(inputs, student.attention_scores[l], temperature));
    }
  }
  return sum_terms(std::move(terms));
}

}  // namespace kdqat::distill
