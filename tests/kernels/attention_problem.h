#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "kdqat/kernels/attention.h"
#include "kdqat/kernels/dropout.h"
#include "tests/kernels/random_values.h"

namespace kdqat::kernels {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

inline Doubles doubles(const Floats& values) { return {values.begin(), values.end()}; }

/// Sentences, heads and operands for a test of attention.
struct AttentionProblem {
  std::vector<std::int64_t> cu_seqlens = {0};
  std::int64_t heads = 1;
  std::int64_t head_size = 1;
  Floats query;
  Floats key;
  Floats value;
  std::vector<std::uint8_t> keep;  ///< of dropout at 0.3; empty for none

  AttentionProblem(const std::vector<std::int64_t>& lengths, std::int64_t heads_, std::int64_t head_size_,
                   bool dropout)
      : heads(heads_), head_size(head_size_) {
    for (const std::int64_t length : lengths) cu_seqlens.push_back(cu_seqlens.back() + length);
    query = random_values(1, elements(), -1.5, 1.5);
    key = random_values(2, elements(), -1.5, 1.5);
    value = random_values(3, elements(), -1.5, 1.5);
    if (!dropout) return;
    keep.resize(static_cast<std::size_t>(pairs()));
    fill_dropout_mask({.seed = 4}, 0.3, pairs(), keep.data());
  }

  AttentionShape shape() const { return {.cu_seqlens = cu_seqlens, .heads = heads, .head_size = head_size}; }
  AttentionOperands operands() const {
    return {.query = query.data(), .key = key.data(), .value = value.data()};
  }
  Dropout dropout() const {
    return keep.empty() ? Dropout{} : Dropout{.keep = keep.data(), .factor = 1.0F / 0.7F};
  }
  std::int64_t elements() const { return cu_seqlens.back() * heads * head_size; }
  std::int64_t pairs() const { return shape().ragged_size(); }

  /// What dropout multiplies a pair of tokens with; 1 without dropout.
  double mask_at(std::size_t pair) const {
    return keep.empty() ? 1.0 : static_cast<double>(keep[pair]) * static_cast<double>(dropout().factor);
  }
};

/// One sentence and head of a problem: where its values lie.
struct HeadPlace {
  const AttentionProblem& problem;
  std::int64_t first_token;
  std::int64_t head;
  std::int64_t length;
  std::int64_t first_pair;

  /// In [T, D].
  std::size_t element(std::int64_t token, std::int64_t d) const {
    return static_cast<std::size_t>(((first_token + token) * problem.heads + head) * problem.head_size + d);
  }
  /// In a ragged tensor.
  std::size_t pair(std::int64_t row, std::int64_t col) const {
    return static_cast<std::size_t>(first_pair + row * length + col);
  }
};

template <typename Body>
void for_each_head(const AttentionProblem& problem, const Body& body) {
  std::int64_t first_pair = 0;
  for (std::size_t b = 0; b + 1 < problem.cu_seqlens.size(); ++b) {
    const std::int64_t length = problem.cu_seqlens[b + 1] - problem.cu_seqlens[b];
    for (std::int64_t head = 0; head < problem.heads; ++head, first_pair += length * length) {
      body(HeadPlace{problem, problem.cu_seqlens[b], head, length, first_pair});
    }
  }
}

/// What attention_forward gives, every element written.
struct ForwardResult {
  Floats scores;
  Floats map;
  Floats quantized_map;
  Floats context;

  bool operator==(const ForwardResult&) const = default;
};

inline ForwardResult forward(const AttentionProblem& problem, AttentionScales scales) {
  constexpr float kUnwritten = std::numeric_limits<float>::quiet_NaN();
  const Floats pairs(static_cast<std::size_t>(problem.pairs()), kUnwritten);
  ForwardResult result{pairs, pairs, pairs, Floats(static_cast<std::size_t>(problem.elements()), kUnwritten)};
  attention_forward(problem.shape(), problem.operands(), problem.dropout(), scales,
                    {.scores = result.scores.data(),
                     .map = result.map.data(),
                     .quantized_map = result.quantized_map.data(),
                     .context = result.context.data()});
  return result;
}

inline std::string to_string(AttentionScales scales) {
  return scales == AttentionScales::kNone   ? "no scale"
         : scales == AttentionScales::kHead ? "a scale a head"
                                            : "one scale";
}

}  // namespace kdqat::kernels
