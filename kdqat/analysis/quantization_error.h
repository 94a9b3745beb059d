#pragma once

#include <vector>

#include "kdqat/analysis/sentences.h"
#include "kdqat/data/batch.h"
#include "kdqat/model/classifier.h"

namespace kdqat::analysis {

/// Where the error of each layer's output comes from. Layer l maps a hidden state h_l to h_(l+1); with F the
/// layer in floating point on the latent weights, W with quantized weights alone and Q with quantized weights
/// and activations, h^F the hidden states of a student that is not quantized and h^Q those of the student:
///
///   total       Q(h^Q) - F(h^F), the sum of the three below
///   inherited   F(h^Q) - F(h^F): from the layers before, and the embeddings
///   weights     W(h^Q) - F(h^Q)
///   activations Q(h^Q) - W(h^Q)
///
/// Each as the norm of the difference over the norm of F(h^F), both over all tokens of a batch; the norms of
/// parts do not add up to that of the sum.
class QuantizationError {
 public:
  /// Throws InvalidArgument for a model without quantization.
  explicit QuantizationError(const model::Classifier& student);

  /// One batch through the student.
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
