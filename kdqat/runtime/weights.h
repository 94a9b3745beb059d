#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kdqat/encoder/encoder_config.h"
#include "kdqat/encoder/modules.h"
#include "kdqat/format/packed_model.h"
#include "kdqat/kernels/panel_product.h"

namespace kdqat::runtime {

/// A quantized linear in a packed file: w [N, K] as panels, y = x w^T + bias.
struct PackedLinear {
  kernels::PanelShape shape;
  const std::uint8_t* panels = nullptr;
  std::span<const float> scales;  ///< [1], or [N] for a scale a row
  const float* bias = nullptr;    ///< [N]
};

/// Parameters of LayerNorm, [D] each.
struct NormWeights {
  const float* weight = nullptr;
  const float* bias = nullptr;
};

/// A linear that stays in floating point.
struct FloatLinear {
  const float* weight = nullptr;  ///< [N, K]
  const float* bias = nullptr;    ///< [N]
};

/// Rows [V, D] that are looked up: codes with a scale a row, or float32.
struct WordEmbedding {
  int bits = 2;  ///< 2: base 3; 4: two codes a byte, the low half first, code + 8; 8: int8; 32: float32
  std::int64_t width = 0;
  const std::byte* rows = nullptr;
  std::int64_t row_bytes = 0;
  const float* scales = nullptr;  ///< [V]; nullptr for 32 bits

  /// The values of one row, to out [D].
  void look_up(std::int64_t id, float* out) const;
};

struct PackedModules {
  using Embedding = WordEmbedding;
  using Table = const float*;
  using Linear = PackedLinear;
  using FloatLinear = runtime::FloatLinear;
  using Norm = NormWeights;
};

/// The parameters of a packed model, where they lie in the mapped file; a linear or norm without bias has
/// zeros.
struct Weights : encoder::Modules<PackedModules> {
  std::vector<float> zeros;  ///< for every bias that the encoder lacks
};
using LayerWeights = encoder::LayerModules<PackedModules>;

/// Bytes of a row of codes of the word embedding.
std::int64_t embedding_row_bytes(int bits, std::int64_t width);

/// Finds and checks every tensor; the result points into `file`. Throws FormatError that names file and
/// tensor for one that is missing, of another dtype or shape than the header asks for, that holds a float
/// that is not finite or a field that stands for no code; and for a model that this runtime can't run:
/// weights or activations in floating point, or activations with a scale a tensor (which depends on the
/// batch).
Weights find_weights(const format::SafetensorsFile& file, const format::PackedHeader& header,
                     const encoder::EncoderConfig& config);

}  // namespace kdqat::runtime
