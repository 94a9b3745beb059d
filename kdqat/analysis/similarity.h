#pragma once

#include <torch/types.h>

#include <vector>

#include "kdqat/model/classifier.h"

// How alike the hidden states of two models are:
//
//   HiddenSimilarity similarity;
//   similarity.add(teacher_signals, student_signals);
//   similarity.matrix()[0][0];  // 1 if the embeddings' outputs are equal up to rotation and scale

namespace kdqat::analysis {

/// Linear centred kernel alignment of two representations of the same T tokens (Kornblith et al., ICML 2019,
/// arXiv:1905.00414), with X [T, D1] and Y [T, D2] centred over the tokens:
///
///   ||Y^T X||_F^2 / (||X^T X||_F ||Y^T Y||_F)
///
/// It is 1 if they are equal up to rotation and scale, and NaN if one is constant. Computed in double. Throws
/// InvalidArgument for other shapes.
double linear_cka(const torch::Tensor& x, const torch::Tensor& y);

/// Collects the hidden states of both models over all batches and compares them.
class HiddenSimilarity {
 public:
  void add(const model::Signals& teacher, const model::Signals& student);

  /// similarity[i][j] is linear_cka of the teacher's hidden state i and the student's j; L + 1 by L + 1.
  std::vector<std::vector<double>> matrix() const;

 private:
  std::vector<std::vector<torch::Tensor>> teacher_;  ///< by hidden state, then by batch
  std::vector<std::vector<torch::Tensor>> student_;
};

}  // namespace kdqat::analysis
