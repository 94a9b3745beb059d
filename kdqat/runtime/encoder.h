#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kdqat/base/aligned.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/runtime/position_tables.h"
#include "kdqat/runtime/weights.h"
#include "kdqat/simd/instruction_set.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat::runtime {

/// Values and codes of activations.
using Floats = base::AlignedVector<float>;
using Codes = base::AlignedVector<std::int8_t>;

/// Memory of one pass of the encoder: it grows to the largest batch and is then used again. T tokens, D
/// hidden, E embedding, F intermediate, B sequences.
struct Workspace {
  std::vector<std::int64_t> cu_seqlens;  ///< [B+1]
  std::vector<std::int64_t> positions;   ///< rows of the position table, one sequence's
  Floats word, others;                   ///< [T, E]: of the words; of positions and token types
  Floats hidden, normed, query, key, value, context, sa_output, attention_output;  ///< [T, D]
  Floats intermediate, gate;                                                       ///< [T, F]
  Floats scores, map, quantized_map;  ///< ragged, see kernels::AttentionShape
  Floats mean, inverse_deviation;     ///< [T]
  Codes codes;                        ///< [T, D]
  Codes intermediate_codes;           ///< [T, F]
  Floats code_scales;                 ///< [T]
  Floats pooled, dense;               ///< [B, D]
};

/// The student's forward pass over a packed model, the same numbers as in training (model::Classifier), one
/// batch after the other. Linears run in integers.
class Encoder {
 public:
  /// `config` and `weights` must outlive it. Throws InvalidArgument for a set that this processor lacks, at
  /// the first pass if not before.
  Encoder(const encoder::EncoderConfig& config, const Weights& weights, simd::InstructionSet set)
      : config_(config), weights_(weights), set_(set), positions_(config, weights, set) {}

  /// The classifier's outputs, logits [B, C]. Sentences are not empty, their ids inside of the vocabulary, no
  /// longer than the model's positions.
  void classify(std::span<const text::Encoding* const> sentences, Workspace& workspace, float* logits) const;

  /// The mean of each sentence's last hidden states, [B, D].
  void embed(std::span<const text::Encoding* const> sentences, Workspace& workspace, float* embeddings) const;

 private:
  void start(std::span<const text::Encoding* const> sentences, Workspace& workspace) const;
  void look_up(std::span<const text::Encoding* const> sentences, Workspace& workspace) const;
  void attend(std::size_t layer, Workspace& workspace) const;
  void finish(std::size_t layer, std::int64_t count, Workspace& workspace) const;
  void apply_head(std::int64_t count, Workspace& workspace, float* logits) const;

  const encoder::EncoderConfig& config_;
  const Weights& weights_;
  simd::InstructionSet set_;
  PositionTables positions_;
};

}  // namespace kdqat::runtime
