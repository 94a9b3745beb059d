#include "kdqat/distill/attention_loss.h"

#include <cmath>
#include <functional>

#include "kdqat/base/error.h"
#include "kdqat/distill/fused_loss.h"
#include "kdqat/kernels/attention.h"
#include "kdqat/kernels/loss.h"

namespace kdqat::distill {
namespace {

/// Ragged [sum H n_b^2]: the weight of its run at each pair.
torch::Tensor pair_weights(const MapRuns& runs, const torch::TensorOptions& options) {
  std::vector<std::int64_t> counts;
  for (std::size_t b = 0; b < runs.weights.size(); ++b) counts.push_back(runs.starts[b + 1] - runs.starts[b]);
  return torch::tensor(runs.weights, torch::kFloat64)
      .to(options)
      .repeat_interleave(torch::tensor(counts, torch::kInt64));
}

/// body(sentence's [H, n, n]) of a ragged tensor, the results end to end.
torch::Tensor map_sentences(const LossInputs& inputs, const torch::Tensor& ragged,
                            const std::function<torch::Tensor(const torch::Tensor&)>& body) {
  const kernels::AttentionShape shape{.cu_seqlens = inputs.cu_seqlens, .heads = inputs.heads};
  const std::vector<std::int64_t> starts = shape.ragged_starts();
  std::vector<torch::Tensor> results;
  for (std::int64_t b = 0; b < shape.sentences(); ++b) {
    const auto start = starts.begin() + b;
    const torch::Tensor pairs =
        ragged.slice(0, start[0], start[1]).view({shape.heads, shape.length(b), shape.length(b)});
    results.push_back(body(pairs).reshape({-1}));
  }
  return torch::cat(results);
}

torch::Tensor softmax_at(const LossInputs& inputs, const torch::Tensor& scores, double temperature) {
  return map_sentences(inputs, scores, [&](const torch::Tensor& s) { return (s / temperature).softmax(-1); });
}

/// sum_i weights_i p^T_i (log p^T_i - log p^S_i).
torch::Tensor plain_divergence(const torch::Tensor& weights, const torch::Tensor& student_map,
                               const torch::Tensor& teacher_map) {
  const torch::Tensor teacher = teacher_map.clamp_min(kernels::kSmallestProbability);
  const torch::Tensor student = student_map.clamp_min(kernels::kSmallestProbability);
  return (weights * (teacher * (teacher.log() - student.log()))).sum();
}

/// sum_ij (d_ij - mean_j d_ij)^2 / (2 n^2), mean over sentences and heads.
torch::Tensor limit_at_infinity(const LossInputs& inputs, const torch::Tensor& weights,
                                const torch::Tensor& teacher_scores, const torch::Tensor& student_scores) {
  const torch::Tensor terms =
      map_sentences(inputs, student_scores - teacher_scores, [](const torch::Tensor& d) {
        const torch::Tensor centred = d - d.mean(-1, /*keepdim=*/true);
        return centred * centred / (2.0 * static_cast<double>(d.size(-1)));
      });
  return (weights * terms).sum();
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
  const MapRuns runs(inputs);
  const bool fused = inputs.form == quant::Form::kFused && !std::isinf(temperature);
  const torch::Tensor weights =
      fused ? torch::Tensor() : pair_weights(runs, student.attention_map.front().options());
  const auto divergence = [&](const torch::Tensor& student_map, const torch::Tensor& teacher_map) {
    return fused ? fused_divergence(runs, student_map, teacher_map)
                 : plain_divergence(weights, student_map, teacher_map);
  };
  std::vector<torch::Tensor> terms(student.attention_map.size());
  for (const std::int64_t layer : layers) {
    const auto l = static_cast<std::size_t>(layer);
    if (std::isinf(temperature)) {
      terms[l] = limit_at_infinity(inputs, weights, teacher.attention_scores[l], student.attention_scores[l]);
    } else if (temperature == 1.0) {
      terms[l] = divergence(student.attention_map[l], teacher.attention_map[l]);
    } else {
      terms[l] = temperature * temperature *
                 divergence(softmax_at(inputs, student.attention_scores[l], temperature),
                            softmax_at(inputs, teacher.attention_scores[l], temperature));
    }
  }
  return sum_terms(std::move(terms));
}

}  // namespace kdqat::distill
