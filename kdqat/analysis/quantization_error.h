#pragma once

#include <vector>

#include "kdqat/analysis/sentences.h"
#include "kdqat/data/batch.h"
#include "kdqat/model/classifier.h"

// Where a student's error comes from, layer by layer:
//
//   QuantizationError error(student);
//   error.add(batch);
//   error.weights().mean;  // [L]

namespace kdqat::analysis {

/// Splits the error of each layer's output by its source. Layer l maps hidden state h_l to h_(l+1):
///
///   F           the layer in floating point, on the latent weights
///   W           the layer with quantized weights
///   Q           the layer with quantized weights and activations
///   h^F, h^Q    the hidden states of the student without and with quantization
///
/// The error and its parts:
///
///   total       Q(h^Q) - F(h^F), the sum of the three below
///   inherited   F(h^Q) - F(h^F): from earlier layers and the embeddings
///   weights     W(h^Q) - F(h^Q)
///   activations Q(h^Q) - W(h^Q)
///
/// Each is given as the norm of the difference, divided by the norm of F(h^F), both over all tokens of a
/// batch. The norms of the parts do not add up to the norm of the total.
class QuantizationError {
 public:
  /// Throws InvalidArgument for a model without quantization.
  explicit QuantizationError(const model::Classifier& student);

  /// Runs one batch through the student and adds its errors.
  void add(const data::Batch& batch);

  /// [L], means over batches.
  Statistics total() const { return total_.build(); }
  Statistics inherited() const { return inherited_.build(); }
  Statistics weights() const { return weights_.build(); }
  Statistics activations() const { return activations_.build(); }

 private:
  model::Classifier quantized_;
  model::Classifier weights_only_;
  model::Classifier floating_;
  StatisticsBuilder total_;
  StatisticsBuilder inherited_;
  StatisticsBuilder weights_;
  StatisticsBuilder activations_;
};

}  // namespace kdqat::analysis
