#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kdqat/analysis/compact_model.h"
#include "kdqat/analysis/spectrum.h"
#include "kdqat/distill/objective.h"

// Second derivatives of a loss:
//
//   const Compactor compactor(student);
//   const Hessian hessian(compactor, batch);
//   const std::vector<PowerEigenvalue> largest = power_iteration(hessian.matrix(), {});

namespace kdqat::analysis {

struct HessianOptions {
  distill::Loss loss = distill::Loss::kGroundTruth;
  double temperature = 1.0;                  ///< of attention_map
  std::vector<std::string> parameters = {};  ///< by name; empty: all
  double norm_term =
      0.0;  ///< this factor times the sum of the parameter tensors' L2 norms is added to the loss
  torch::ScalarType dtype = torch::kFloat64;
};

/// Parameters that the loss does not depend on: their number and common eigenvalue.
struct LeftOut {
  std::int64_t count = 0;
  double eigenvalue = 0.0;  ///< 0 without the norm term
};

/// Second derivatives of a classifier's loss on one batch by its parameters. Gives exact products with
/// vectors: it differentiates the gradient (Pearlmutter, 1994) through the plain form. For a quantized
/// student this is the derivative of the straight-through gradient, straight through again.
///
/// The norm term (the paper's reference adds 0.01) is that of the latent weights. The second derivative of
/// |w| is (1 - w w^T / |w|^2) / |w|, taken as 0 for a tensor of zeros.
///
/// No vector has the embedding rows that the batch does not look up. Without the norm term they contribute
/// only zeros. With it, one coordinate stands for all of an embedding's left-out rows: along their values,
/// where they interact with the other rows. The rest of them have the eigenvalue norm_term / |w|.
class Hessian {
 public:
  /// All losses but ground_truth need a `teacher`; for ground_truth it is nullptr. Throws InvalidArgument for
  /// an unknown parameter name (the message lists the known ones), a negative norm term, a missing teacher,
  /// labels that are missing or do not fit, and as Compactor::compact does; NumericError if the loss is not
  /// finite.
  Hessian(const Compactor& model, const data::Batch& batch, const HessianOptions& options = {},
          const Compactor* teacher = nullptr);

  double loss() const { return loss_; }  ///< without the norm term
  std::int64_t num_parameters() const;   ///< rows of the whole matrix, left-out ones included
  const std::vector<LeftOut>& left_out() const { return left_out_; }

  /// Products with vectors over the parameters that are not left out. It uses this object's graph, so it must
  /// not outlive this object.
  SymmetricOperator matrix() const;

 private:
  /// Where one parameter tensor lies in a vector.
  struct Block {
    CompactParameter parameter;
    torch::Tensor
        gradient;  ///< of the loss, differentiable; undefined if the loss is linear in the parameter
    std::int64_t offset = 0;
    double norm = 0.0;       ///< of the whole latent tensor
    std::int64_t rest = -1;  ///< index of the coordinate for left-out rows; -1: none
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
