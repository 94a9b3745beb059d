#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "kdqat/text/tokenizer.h"

namespace kdqat::data {

/// B sentences or pairs laid end to end, T tokens in all, without padding. Tokens of sentence b are
/// cu_seqlens[b] .. cu_seqlens[b+1]-1.
struct Batch {
  torch::Tensor input_ids;               ///< int64 [T]
  torch::Tensor token_type_ids;          ///< int64 [T]
  torch::Tensor position_ids;            ///< int64 [T], from 0 in each sentence
  torch::Tensor first_tokens;            ///< int64 [B]: where each sentence begins
  std::vector<std::int64_t> cu_seqlens;  ///< [B+1], from 0 to T
  torch::Tensor labels;  ///< int64 [B] class ids, or float32 [B] scores; undefined without labels

  std::int64_t sentences() const { return static_cast<std::int64_t>(cu_seqlens.size()) - 1; }
  std::int64_t tokens() const { return cu_seqlens.back(); }
};

/// A batch of encodings, each of at least one token. Throws InvalidArgument for none or an empty one.
Batch make_batch(std::span<const text::Encoding* const> encodings);

/// The same with the labels of a classification (int64) or, if `regression`, scores (float32).
Batch make_batch(std::span<const text::Encoding* const> encodings, std::span<const double> labels,
                 bool regression);

}  // namespace kdqat::data
