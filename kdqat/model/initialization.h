#pragma once

#include <cstdint>
#include <span>

#include "kdqat/encoder/encoder_config.h"
#include "kdqat/model/classifier.h"

namespace kdqat::model {

/// Fills `values` from N(0, deviation); the same numbers for the same seed and stream on every machine.
void draw_normal(std::span<float> values, double deviation, std::uint64_t seed, std::uint64_t stream);

/// Weights as BERT begins its pre-training with: matrices from N(0, initializer_range), biases 0, LayerNorm 1
/// and 0.
Weights random_weights(const encoder::EncoderConfig& config, std::uint64_t seed);

}  // namespace kdqat::model
