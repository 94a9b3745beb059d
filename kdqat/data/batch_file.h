#pragma once

#include <cstdint>
#include <filesystem>

#include "kdqat/data/batch.h"
#include "kdqat/encoder/encoder_config.h"

// A batch that another program has tokenized:
//
//   const BatchLimits limits{.vocab_size = 30522, .type_vocab_size = 2, .max_position_embeddings = 512,
//                            .num_labels = 2};
//   const Batch batch = read_batch_file("batch.safetensors", limits);

namespace kdqat::data {

/// The largest ids, length and labels that a model accepts; see encoder::EncoderConfig.
struct BatchLimits {
  std::int64_t vocab_size = 0;
  std::int64_t type_vocab_size = 0;
  std::int64_t max_position_embeddings = 0;
  std::int64_t num_labels = 0;  ///< C; 1 for a regression
};

/// The limits of a model of this configuration.
BatchLimits batch_limits(const encoder::EncoderConfig& config);

/// Reads a tokenized batch from a safetensors file:
///
///   input_ids        integers [B, S]
///   token_type_ids   integers [B, S]; default 0
///   attention_mask   integers [B, S]; default 1. Tokens with 0, at the end of a row, are padding: left out
///   labels           [B], optional: integer class ids, or floating-point scores of a regression
///
/// Throws IoError and FormatError as format::SafetensorsFile does. Throws FormatError that names file and
/// tensor, what was expected and what was found, for: a missing input_ids, a wrong dtype or shape, no
/// sequence, a sequence without tokens, a mask that is not ones and then zeros, more tokens than positions,
/// an id outside of its table, a label outside of 0 .. C-1 or not finite.
Batch read_batch_file(const std::filesystem::path& path, const BatchLimits& limits);

/// Throws FormatError that names `file` if a batch of it has no labels.
void check_has_labels(const Batch& batch, const std::filesystem::path& file);

}  // namespace kdqat::data
