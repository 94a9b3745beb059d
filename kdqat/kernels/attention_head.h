#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/attention.h"
#include "kdqat/simd/tile.h"

namespace kdqat::kernels {

/// What the parts of attention share: one sentence and head, and views of its values.
struct AttentionHead {
  std::int64_t index = 0;   ///< of the head
  std::int64_t length = 0;  ///< of the sentence
  std::int64_t offset = 0;  ///< of its values in [T, D]
  std::int64_t ragged = 0;  ///< of its pairs in a ragged tensor
};

/// body(head, group, scratch) for every sentence and head, in parallel. The sentences of a group follow each
/// other in one thread, head by head; groups >= 1 of them, which do not depend on the number of threads.
template <typename Body>
void for_heads(const AttentionShape& shape, std::int64_t groups, const Body& body) {
  const std::vector<std::int64_t> starts = shape.ragged_starts();
  const std::int64_t sentences = shape.sentences();
  const std::int64_t grain = groups == sentences ? 4 : 1;
  base::parallel_for(0, groups * shape.heads, grain, [&](std::int64_t first, std::int64_t last) {
    thread_local simd::Scratch scratch;
    for (std::int64_t task = first; task < last; ++task) {
      const std::int64_t group = task / shape.heads;
      const std::int64_t h = task % shape.heads;
      for (std::int64_t b = sentences * group / groups; b < sentences * (group + 1) / groups; ++b) {
        const std::int64_t length = shape.length(b);
        const std::int64_t token = shape.cu_seqlens[static_cast<std::size_t>(b)];
        body(AttentionHead{.index = h,
                           .length = length,
                           .offset = token * shape.heads * shape.head_size + h * shape.head_size,
                           .ragged = starts[static_cast<std::size_t>(b)] + h * length * length},
             group, scratch);
      }
    }
  });
}

/// body(head, scratch) for every sentence and head, each by itself.
template <typename Body>
void for_heads(const AttentionShape& shape, const Body& body) {
  for_heads(shape, shape.sentences(),
            [&](const AttentionHead& head, std::int64_t, simd::Scratch& scratch) { body(head, scratch); });
}

/// Its rows in a matrix [T, D].
inline simd::TileView rows_of(const AttentionShape& shape, const AttentionHead& head, const float* matrix) {
  return {.data = matrix + head.offset,
          .rows = head.length,
          .cols = shape.head_size,
          .row_stride = shape.heads * shape.head_size};
}

inline simd::Tile rows_of(const AttentionShape& shape, const AttentionHead& head, float* matrix) {
  return {.data = matrix + head.offset,
          .rows = head.length,
          .cols = shape.head_size,
          .stride = shape.heads * shape.head_size};
}

/// Its pairs in a ragged tensor.
inline simd::TileView pairs_of(const AttentionHead& head, const float* ragged) {
  return {.data = ragged + head.ragged, .rows = head.length, .cols = head.length, .row_stride = head.length};
}

/// The view itself where its rows are whole vectors, else a padded copy.
inline simd::TileView whole_vectors(const simd::TileView& source, simd::Scratch& scratch) {
  if (source.cols % simd::kLanes == 0) return source;
  const simd::Tile tile = scratch.tile(source.rows, source.cols);
  load(source, tile);
  return view(tile);
}

inline simd::TileView transposed_copy(const simd::TileView& source, simd::Scratch& scratch) {
  const simd::Tile tile = scratch.tile(source.cols, source.rows);
  simd::load_transposed(source, tile);
  return view(tile);
}

/// The tokens [first, last) of a sentence.
struct TokenRange {
  std::int64_t first = 0;
  std::int64_t last = 0;

  std::int64_t count() const { return last - first; }
};

/// The pairs of a head that exist: those at most `width` apart.
struct Band {
  std::int64_t length = 0;
  std::int64_t width = 0;  ///< at least length where all pairs exist

  Band(std::int64_t sentence_length, std::int64_t window)
      : length(sentence_length), width(window == 0 ? sentence_length : std::min(window, sentence_length)) {}

  bool is_whole() const { return width >= length - 1; }

  /// Tokens that pair with one of `tokens`.
  TokenRange around(const TokenRange& tokens) const {
    return {.first = std::max<std::int64_t>(0, tokens.first - width),
            .last = std::min(length, tokens.last + width)};
  }
  TokenRange around(std::int64_t token) const { return around({.first = token, .last = token + 1}); }

  /// body(tokens, others) for blocks of tokens that cover the sentence, with the tokens that pair with one of
  /// them; others.first is a multiple of kLanes. All tokens and all others at once where all pairs exist.
  template <typename Body>
  void for_blocks(const Body& body) const {
    constexpr std::int64_t kBlockTokens = 64;
    if (is_whole()) return body(TokenRange{0, length}, TokenRange{0, length});
    for (std::int64_t first = 0; first < length; first += kBlockTokens) {
      const TokenRange tokens{.first = first, .last = std::min(length, first + kBlockTokens)};
      TokenRange others = around(tokens);
      others.first -= others.first % simd::kLanes;
      body(tokens, others);
    }
  }
};

inline simd::TileView rows_in(const simd::TileView& source, const TokenRange& range) {
  simd::TileView part = source;
  part.data += range.first * source.row_stride;
  part.rows = range.count();
  return part;
}

inline simd::Tile rows_in(const simd::Tile& source, const TokenRange& range) {
  return {
      .data = source.row(range.first), .rows = range.count(), .cols = source.cols, .stride = source.stride};
}

inline simd::TileView cols_in(const simd::TileView& source, const TokenRange& range) {
  simd::TileView part = source;
  part.data += range.first * source.col_stride;
  part.cols = range.count();
  return part;
}

inline simd::Tile cols_in(const simd::Tile& source, const TokenRange& range) {
  return {
      .data = source.data + range.first, .rows = source.rows, .cols = range.count(), .stride = source.stride};
}

}  // namespace kdqat::kernels
