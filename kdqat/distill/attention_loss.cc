#include "kdqat/distill/attention_loss.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

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

/// The pairs of one sentence in a layer.
struct SentencePairs {
  torch::Tensor outside;  ///< bool [n, n]: those that do not exist; undefined where all do
  torch::Tensor counts;   ///< float64 [n, 1]: how many keys each query has
};

SentencePairs pairs_of(std::int64_t length, std::int64_t window) {
  if (window == 0) return {.outside = {}, .counts = torch::full({length, 1}, length, torch::kFloat64)};
  const torch::Tensor positions = torch::arange(length);
  const torch::Tensor outside = (positions.unsqueeze(1) - positions.unsqueeze(0)).abs() > window;
  return {.outside = outside, .counts = outside.logical_not().sum(1, /*keepdim=*/true).to(torch::kFloat64)};
}

/// body(sentence's [H, n, n], its pairs) of a ragged tensor of a layer, the results end to end.
torch::Tensor map_sentences(
    const LossInputs& inputs, std::size_t layer, const torch::Tensor& ragged,
    const std::function<torch::Tensor(const torch::Tensor&, const SentencePairs&)>& body) {
  const model::PairShape& pairs = inputs.student.pairs;
  const kernels::AttentionShape shape{.cu_seqlens = pairs.cu_seqlens, .heads = pairs.heads};
  const std::vector<std::int64_t> starts = shape.ragged_starts();
  std::vector<torch::Tensor> results;
  for (std::int64_t b = 0; b < shape.sentences(); ++b) {
    const auto start = starts.begin() + b;
    const torch::Tensor of_sentence =
        ragged.slice(0, start[0], start[1]).view({shape.heads, shape.length(b), shape.length(b)});
    results.push_back(body(of_sentence, pairs_of(shape.length(b), pairs.window(layer))).reshape({-1}));
  }
  return torch::cat(results);
}

torch::Tensor softmax_at(const LossInputs& inputs, std::size_t layer, const torch::Tensor& scores,
                         double temperature) {
  return map_sentences(inputs, layer, scores, [&](const torch::Tensor& s, const SentencePairs& pairs) {
    const torch::Tensor scaled = s / temperature;
    if (!pairs.outside.defined()) return scaled.softmax(-1);
    return scaled.masked_fill(pairs.outside, -std::numeric_limits<double>::infinity()).softmax(-1);
  });
}

/// Elements of a ragged signal of a layer for each pair that exists: 1 without a window.
double elements_a_pair(const model::PairShape& pairs, std::size_t layer) {
  const std::int64_t window = pairs.window(layer);
  if (window == 0) return 1.0;
  std::int64_t all = 0;
  std::int64_t existing = 0;
  for (std::size_t b = 1; b < pairs.cu_seqlens.size(); ++b) {
    const std::int64_t n = pairs.cu_seqlens[b] - pairs.cu_seqlens[b - 1];
    const std::int64_t beyond = std::max<std::int64_t>(0, n - 1 - window);  // rows of one corner outside
    all += n * n;
    existing += n * n - beyond * (beyond + 1);
  }
  return static_cast<double>(all) / static_cast<double>(existing);
}

/// sum_i weights_i p^T_i (log p^T_i - log p^S_i).
torch::Tensor plain_divergence(const torch::Tensor& weights, const torch::Tensor& student_map,
                               const torch::Tensor& teacher_map) {
  const torch::Tensor teacher = teacher_map.clamp_min(kernels::kSmallestProbability);
  const torch::Tensor student = student_map.clamp_min(kernels::kSmallestProbability);
  return (weights * (teacher * (teacher.log() - student.log()))).sum();
}

/// sum_ij (d_ij - mean_j d_ij)^2 / (2 m_i) over the m_i keys of query i, mean over rows, heads and sentences.
torch::Tensor limit_at_infinity(const LossInputs& inputs, std::size_t layer, const torch::Tensor& weights) {
  const torch::Tensor difference =
      inputs.student.attention_scores[layer] - inputs.teacher.attention_scores[layer];
  const torch::Tensor terms =
      map_sentences(inputs, layer, difference, [](const torch::Tensor& d, const SentencePairs& pairs) {
        const torch::Tensor counts = pairs.counts.to(d.scalar_type());
        // What does not exist is 0 in both, and so no part of the sum.
        torch::Tensor centred = d - d.sum(-1, /*keepdim=*/true) / counts;
        if (pairs.outside.defined()) centred = centred.masked_fill(pairs.outside, 0.0);
        return centred * centred / (2.0 * counts);
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
    const double elements = elements_a_pair(inputs.student.pairs, l);
    if (elements != 1.0) terms[l] = terms[l] * elements;
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
      terms[l] = limit_at_infinity(inputs, l, weights);
    } else if (temperature == 1.0) {
      terms[l] = divergence(student.attention_map[l], teacher.attention_map[l]);
    } else {
      terms[l] = temperature * temperature *
                 divergence(softmax_at(inputs, l, student.attention_scores[l], temperature),
                            softmax_at(inputs, l, teacher.attention_scores[l], temperature));
    }
  }
  return sum_terms(std::move(terms));
}

}  // namespace kdqat::distill
