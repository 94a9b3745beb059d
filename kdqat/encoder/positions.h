#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kdqat/encoder/encoder_spec.h"

/// Rows of the tables of positions, for training and runtime alike.
namespace kdqat::encoder {

/// Rows of the position table that the tokens of one sequence take, appended to `rows`. Ids are those of its
/// tokens.
///
///   RoBERTa, pad_token_id 1:  ids 0 17 1 4  ->  rows 2 3 1 4
template <typename Id>
void append_position_rows(const EncoderSpec& spec, std::span<const Id> ids, std::vector<std::int64_t>& rows) {
  std::int64_t next = spec.position_offset;
  for (const Id id : ids) {
    const bool is_padding = spec.padding_token_for_positions == static_cast<std::int64_t>(id);
    rows.push_back(is_padding ? *spec.padding_token_for_positions : next++);
  }
}

/// Row of the bias table for two tokens: T5's buckets, half of them for keys behind the query, exact for
/// small distances, logarithmic up to max_distance. distance = position of the key - position of the query.
std::int64_t relative_bucket(const RelativeBias& bias, std::int64_t distance);

/// Row of the table of relative embeddings, [2 span, D], for two tokens. distance = position of the query -
/// position of the key.
std::int64_t relative_row(const DisentangledAttention& attention, std::int64_t distance);

}  // namespace kdqat::encoder
