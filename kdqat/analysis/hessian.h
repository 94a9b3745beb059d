#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kdqat/analysis/compact_model.h"
#include "kdqat/analysis/spectrum.h"
#include "kdqat/distill/objective.h"

namespace kdqat::analysis {

struct HessianOptions {
  distill::Loss loss = distill::Loss::kGroundTruth;
  double temperature = 1.0;                  ///< of attention_map
  std::vector<std::string> parameters = {};  ///< by name; empty: all
  double norm_term =
      0.0;  ///< this times the sum over parameter tensors of their L2 norm is added to the loss
  torch::ScalarType dtype = torch::kFloat64;
};

/// Eigenvalue of parameters that the loss does not depend on.
struct LeftOut {
  std::int64_t count = 0;
  double eigenvalue = 0.0;  ///< 0 without the norm term
};

/// Second derivatives of a classifier's loss on one batch by its parameters: exact products with vectors, by
/// differentiating the gradient (Pearlmutter, 1994) through the plain form. Of a quantized student it is the
/// derivative of the straight-through gradient, straight through again.
///
/// The norm term (the paper's reference adds 0.01) is of the latent weights; the second derivative of |w| is
/// (1 - w w^T / |w|^2) / |w|, taken as 0 for a tensor of zeros.
///
/// Rows of the embeddings that the batch does not look up are in no vector: without the norm term they are
/// only zeros; with it, one coordinate stands for all of an embedding's (along their values, where they and
/// the others act on each other) and the rest have the eigenvalue norm_term / |w|.
class Hessian {
 public:
  /// `teacher` is read by all losses but ground_truth, and is nullptr for that one. Throws InvalidArgument
  /// for a parameter name that the model has not (the message names those it has), a negative norm term, a
  /// teacher that is missing, labels that are missing or do not fit, or as Compactor::compact does;
  /// NumericError if the loss is not finite.
  Hessian(const Compactor& model, const data::Batch& batch, const HessianOptions& options = {},
          const Compactor* teacher = nullptr);

  double loss() const { return loss_; }  ///< without the norm term
  std::int64_t num_parameters() const;   ///< rows of the whole matrix, those left out counted
  const std::vector<LeftOut>& left_out() const { return left_out_; }

  /// Products with vectors over the parameters that are not left out. Shares this object's graph: it must not
  /// outlive it.
  SymmetricOperator matrix() const;

 private:
  /// One parameter tensor's place in a vector.
  struct Block {
    CompactParameter parameter;
    torch::Tensor gradient;  ///< of the loss, differentiable; undefined where the loss is linear in it
    std::int64_t offset = 0;
    double norm = 0.0;       ///< of the whole latent tensor
    std::int64_t rest = -1;  ///< the place of the coordinate of left-out rows; -1: none
  };

  void differentiate(const torch::Tensor& loss);
  void place_blocks();
  torch::Tensor multiply(const torch::Tensor& vector) const;
  void add_norm_term(const torch::Tensor& vector, torch::Tensor& result) const;

  HessianOptions options_;
  double loss_ = 0.0;
  std::int64_t size_ = 0;
  std::vector<Block> blocks_;
  std::vector<LeftOut> left_out_;
};

}  // namespace kdqat::analysis
