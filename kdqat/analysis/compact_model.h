#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kdqat/data/batch.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/model/classifier.h"

// A smaller classifier with the same loss on a batch, for second derivatives:
//
//   const Compactor compactor(student);
//   const CompactModel model = compactor.compact(batch, torch::kFloat64);

namespace kdqat::analysis {

/// Sum of the squares of all elements, in double.
double sum_of_squares(const torch::Tensor& values);

/// One parameter tensor of a compact model.
struct CompactParameter {
  std::string name;      ///< as in model::named_parameters
  torch::Tensor value;   ///< what the forward pass uses; dequantized if the parameter is quantized
  torch::Tensor latent;  ///< the same elements before quantization
  torch::Tensor
      passes;  ///< 1 where the straight-through gradient passes, else 0; undefined if it passes everywhere
  std::int64_t left_out = 0;      ///< number of elements in rows that the batch does not look up
  double left_out_squares = 0.0;  ///< sum of their squares
};

/// A classifier that has only the embedding rows that its batch looks up.
struct CompactModel {
  model::Classifier classifier;  ///< its weights are the `value` of the parameters; for the plain form
  data::Batch batch;             ///< its ids are those of the remaining rows
  std::vector<CompactParameter> parameters;
};

/// Makes compact models of one classifier. It quantizes the weights once; compact models share them where
/// they can.
///
/// - The word and position embeddings keep only the rows that the batch looks up. The other rows have no part
///   in its loss.
/// - Quantized weights are replaced by their dequantized values, so only activations are left to quantize.
///   The derivative of the straight-through gradient, straight through again, is then the derivative by
///   those values where |latent| < clip, and 0 elsewhere.
class Compactor {
 public:
  explicit Compactor(model::Classifier& classifier);

  /// The compact model of a batch; its tensors have `dtype`, kFloat32 or kFloat64. Throws InvalidArgument for
  /// a sequence that is longer than the positions, or an id outside of its table.
  CompactModel compact(const data::Batch& batch, torch::ScalarType dtype) const;

 private:
  encoder::EncoderConfig config_;
  std::optional<format::QuantizationConfig> quantization_;
  model::Weights latent_;
  model::Weights values_;
};

}  // namespace kdqat::analysis
