#pragma once

#include <torch/types.h>

#include <vector>

#include "kdqat/model/classifier.h"

namespace kdqat::analysis {

/// Linear centred kernel alignment of two representations of the same T tokens (Kornblith et al., ICML 2019,
/// arXiv:1905.00414): ||Y^T X||_F^2 / (||X^T X||_F ||Y^T Y||_F) with X [T, D1] and Y [T, D2] centred over the
/// tokens; 1 for equal ones up to rotation and scale, NaN where one is constant. Computed in double. Throws
/// InvalidArgument for other shapes.
double linear_cka(const torch::Tensor& x, const torch::Tensor& y);

/// Hidden states of both models over all sentences, and how alike they are.
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
