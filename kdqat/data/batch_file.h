#pragma once

#include <cstdint>
#include <filesystem>

#include "kdqat/data/batch.h"
#include "kdqat/format/encoder_config.h"

namespace kdqat::data {

/// What a model takes of a batch file; see format::EncoderConfig.
struct BatchLimits {
  std::int64_t vocab_size = 0;
  std::int64_t type_vocab_size = 0;
  std::int64_t max_position_embeddings = 0;
  std::int64_t num_labels = 0;  ///< C; 1 for a regression
};

/// The limits of a model of this configuration.
BatchLimits batch_limits(const format::EncoderConfig& config);

/// Reads a pre-tokenized batch from a safetensors file: input_ids and, where given, token_type_ids (default
/// 0) and attention_mask (default 1), integers [B, S]; labels, where given, [B]: integer class ids, or
/// floating-point scores of a regression. Padding (attention_mask 0, at the end of a row) is left out.
///
/// Throws IoError and FormatError as format::SafetensorsFile does, and FormatError that names file and
/// tensor, what was expected and what was found, for: a missing input_ids, a wrong dtype or shape, no
/// sentence, a sentence without tokens, a mask that is not ones and then zeros, more tokens than positions,
/// an id outside of its table, a label outside of 0 .. C-1 or not finite.
Batch read_batch_file(const std::filesystem::path& path, const BatchLimits& limits);

/// Throws FormatError that names `file` if a batch of it has no labels.
void check_has_labels(const Batch& batch, const std::filesystem::path& file);

}  // namespace kdqat::data
