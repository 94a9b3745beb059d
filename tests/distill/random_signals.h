#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "kdqat/distill/loss.h"
#include "tests/support/tensors.h"

namespace kdqat::distill {

/// Signals of two models that no encoder has made: random float64 values of the right shapes, so that a loss
/// that reads the wrong one is found out. The student's are leaves.
struct RandomSignals {
  static constexpr std::int64_t kLayers = 2;
  static constexpr std::int64_t kHeads = 2;
  static constexpr std::int64_t kWidth = 6;

  explicit RandomSignals(std::int64_t classes = 3) : teacher(draw(1, classes)), student(draw(2, classes)) {
    for (torch::Tensor* signal : student_leaves()) signal->requires_grad_();
  }

  LossInputs inputs() const { return {teacher, student, layers, quant::Form::kPlain}; }

  /// Every signal of the student.
  std::vector<torch::Tensor*> student_leaves() {
    std::vector<torch::Tensor*> leaves = {&student.logits};
    for (const auto list :
         {&model::Signals::hidden_states, &model::Signals::attention_scores, &model::Signals::attention_map,
          &model::Signals::context, &model::Signals::sa_output, &model::Signals::attention_output}) {
      for (torch::Tensor& signal : student.*list) leaves.push_back(&signal);
    }
    return leaves;
  }

  std::int64_t sentences() const { return static_cast<std::int64_t>(cu_seqlens.size()) - 1; }
  std::int64_t length(std::size_t b) const { return cu_seqlens[b + 1] - cu_seqlens[b]; }
  std::int64_t pairs() const {
    std::int64_t count = 0;
    for (std::size_t b = 0; b + 1 < cu_seqlens.size(); ++b) count += kHeads * length(b) * length(b);
    return count;
  }

  std::vector<std::int64_t> cu_seqlens = {0, 3, 4, 9, 11};
  model::Signals teacher;
  model::Signals student;
  LayerSelection layers;

 private:
  model::Signals draw(std::uint64_t seed, std::int64_t classes) const {
    std::uint64_t next = 100 * seed;
    const auto uniform = [&](const std::vector<std::int64_t>& shape, double low, double high) {
      return tests::random_tensor(next++, shape, low, high).to(torch::kFloat64);
    };
    model::Signals signals;
    signals.pairs = {.cu_seqlens = cu_seqlens, .heads = kHeads, .windows = {}};
    signals.logits = uniform({sentences(), classes}, -3.0, 3.0);
    signals.hidden_states.push_back(uniform({cu_seqlens.back(), kWidth}, -1.0, 1.0));
    for (std::int64_t layer = 0; layer < kLayers; ++layer) {
      signals.hidden_states.push_back(uniform({cu_seqlens.back(), kWidth}, -1.0, 1.0));
      signals.attention_scores.push_back(uniform({pairs()}, -3.0, 3.0));
      signals.attention_map.push_back(uniform({pairs()}, 0.05, 1.0));
      signals.context.push_back(uniform({cu_seqlens.back(), kWidth}, -1.0, 1.0));
      signals.sa_output.push_back(uniform({cu_seqlens.back(), kWidth}, -1.0, 1.0));
      signals.attention_output.push_back(uniform({cu_seqlens.back(), kWidth}, -1.0, 1.0));
    }
    return signals;
  }
};

/// The elements of a contiguous float64 tensor.
inline std::vector<double> elements(const torch::Tensor& tensor) {
  const auto* values = tensor.data_ptr<double>();
  return {values, values + tensor.numel()};
}

}  // namespace kdqat::distill
