#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kdqat/base/aligned.h"
#include "kdqat/format/encoder_config.h"
#include "kdqat/kernels/instruction_set.h"
#include "kdqat/runtime/weights.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat::runtime {

/// Values and codes of activations.
using Floats = base::AlignedVector<float>;
using Codes = base::AlignedVector<std::int8_t>;

/// Memory of one pass of the encoder: it grows to the largest batch and is then used again.
struct Workspace {
  std::vector<std::int64_t> cu_seqlens;  ///< [B+1]
  Floats hidden, query, key, value, context, sa_output, attention_output, intermediate;
  Floats scores, map, quantized_map;  ///< ragged, see kernels::AttentionShape
  Floats mean, inverse_deviation;     ///< [T]
  Codes codes;                        ///< [T, D]
  Codes intermediate_codes;           ///< [T, F]
  Floats code_scales;                 ///< [T]
  Floats pooled;                      ///< [B, D]
};

/// The student's forward pass over a packed model, the same numbers as in training (model::Classifier), one
/// batch after the other. Linears run in integers.
class Encoder {
 public:
  /// `config` and `weights` must outlive it. Throws InvalidArgument for a set that this processor lacks, at
  /// the first pass.
  Encoder(const format::EncoderConfig& config, const Weights& weights, kernels::InstructionSet set)
      : config_(config), weights_(weights), set_(set) {}

  /// The classifier's outputs, logits [B, C]. Sentences are not empty, their ids inside of the vocabulary, no
  /// longer than the model's positions.
  void classify(std::span<const text::Encoding* const> sentences, Workspace& workspace, float* logits) const;

  /// The mean of each sentence's last hidden states, [B, D].
  void embed(std::span<const text::Encoding* const> sentences, Workspace& workspace, float* embeddings) const;

 private:
  /// Rows of a batch that one thread takes through a step.
  struct Rows {
    std::int64_t first = 0;
    std::int64_t count = 0;
  };

  void start(std::span<const text::Encoding* const> sentences, Workspace& workspace) const;
  void look_up(std::span<const text::Encoding* const> sentences, Workspace& workspace) const;
  void attend(const LayerWeights& layer, Workspace& workspace) const;
  void project(const LayerWeights& layer, const Rows& rows, Workspace& workspace) const;
  void feed_forward(const LayerWeights& layer, std::int64_t count, Workspace& workspace) const;
  void feed_forward(const LayerWeights& layer, const Rows& rows, Workspace& workspace) const;
  void quantize(const Floats& values, const Rows& rows, Workspace& workspace) const;
  void multiply(const PackedLinear& linear, const Codes& codes, const Rows& rows, const Workspace& workspace,
                Floats& out) const;
  void normalize(const Floats& x, const Floats& residual, const NormWeights& norm, const Rows& rows,
                 Workspace& workspace, Floats& out) const;

  /// body(rows) for rows that cover [0, count): some in each of this call's threads, or all at once.
  template <typename Body>
  static void for_rows(std::int64_t count, const Body& body);

  const format::EncoderConfig& config_;
  const Weights& weights_;
  kernels::InstructionSet set_;
};

}  // namespace kdqat::runtime
