#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "kdqat/text/tokenizer.h"

// From tokenized examples to the input of a model:
//
//   std::vector<const text::Encoding*> encodings = {&first, &second};  // 3 and 5 tokens
//   const Batch batch = make_batch(encodings);                         // T = 8, cu_seqlens {0, 3, 8}

namespace kdqat::data {

/// B sequences (sentences or pairs) end to end, without padding: T tokens in all. Sequence b has the tokens
/// cu_seqlens[b] .. cu_seqlens[b+1]-1.
struct Batch {
  torch::Tensor input_ids;               ///< int64 [T]
  torch::Tensor token_type_ids;          ///< int64 [T]
  torch::Tensor position_ids;            ///< int64 [T], from 0 in each sequence
  torch::Tensor first_tokens;            ///< int64 [B]: where each sequence begins
  std::vector<std::int64_t> cu_seqlens;  ///< [B+1], from 0 to T
  torch::Tensor labels;  ///< int64 [B] class ids, or float32 [B] scores; undefined without labels

  std::int64_t sentences() const { return static_cast<std::int64_t>(cu_seqlens.size()) - 1; }
  std::int64_t tokens() const { return cu_seqlens.back(); }
};

/// A batch without labels. Throws InvalidArgument for no encoding, or an encoding without tokens.
Batch make_batch(std::span<const text::Encoding* const> encodings);

/// A batch with labels: int64 class ids or, if `regression`, float32 scores. Throws as above.
Batch make_batch(std::span<const text::Encoding* const> encodings, std::span<const double> labels,
                 bool regression);

}  // namespace kdqat::data
