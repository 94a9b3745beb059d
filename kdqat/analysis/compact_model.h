#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kdqat/data/batch.h"
#include "kdqat/model/classifier.h"

namespace kdqat::analysis {

/// Sum of the squares of all elements, in double.
double sum_of_squares(const torch::Tensor& values);

/// A parameter of a compact model.
struct CompactParameter {
  std::string name;      ///< as model::named_parameters has it
  torch::Tensor value;   ///< what the forward pass multiplies with: of codes, where quantized
  torch::Tensor latent;  ///< the same elements before quantization
  torch::Tensor
      passes;  ///< 1 where the straight-through gradient passes, else 0; undefined where it always does
  std::int64_t left_out = 0;      ///< elements of rows that the batch does not look up
  double left_out_squares = 0.0;  ///< sum of squares of those
};

/// A classifier and a batch with nothing that the batch does not reach.
struct CompactModel {
  model::Classifier classifier;  ///< its weights are the `value` of the parameters; for the plain form
  data::Batch batch;             ///< ids stand for the rows that are left
  std::vector<CompactParameter> parameters;
};

/// Makes compact models of one classifier: weights are quantized once, here, and a model shares them with the
/// others where it can.
///
/// For second derivatives. Of the word and position embeddings only the rows that a batch looks up are kept:
/// the others have no part in its loss. Quantized weights become the values of their codes, with nothing left
/// to quantize but activations: a derivative of the straight-through gradient, straight through again, is the
/// one of those values where |latent| < clip, and 0 elsewhere.
class Compactor {
 public:
  explicit Compactor(model::Classifier& classifier);

  /// Tensors of `dtype`, kFloat32 or kFloat64. Throws InvalidArgument for a sentence that is longer than the
  /// positions or an id outside of its table.
  CompactModel compact(const data::Batch& batch, torch::ScalarType dtype) const;

 private:
  encoder::EncoderConfig config_;
  std::optional<format::QuantizationConfig> quantization_;
  model::Weights latent_;
  model::Weights values_;
};

}  // namespace kdqat::analysis
