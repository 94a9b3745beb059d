#pragma once

#include <cstdint>
#include <vector>

#include "kdqat/kernels/attention.h"

namespace kdqat::kernels {

/// Rotary position embedding (Su et al., 2021, arXiv:2104.09864), as Hugging Face's "rotate_half" has it.
///
///   const RotaryTable table(160000.0, head_size, max_positions);  // once a model
///   rotate_heads(table, shape, query);                            // in place, before the scores
///   rotate_heads(table, shape, key);
///
/// Within each head, values i and i + head_size / 2 of a token at position p of its sequence are a pair that
/// turns by the angle p theta^(-2 i / head_size).

/// Cosines and sines of every position; read by any number of threads.
///
/// transformers computes frequency and angle in float32, whose rounding moves an angle near 1,000 by 6e-5. So
/// each step is rounded to float32 here as there: exponent, power, frequency, angle. Cosine and sine are
/// those of the rounded angle, in double, rounded once.
class RotaryTable {
 public:
  /// Throws InvalidArgument unless theta > 0, head_size is even and above 0, and max_positions is above 0.
  RotaryTable(double theta, std::int64_t head_size, std::int64_t max_positions);

  std::int64_t head_size() const { return head_size_; }
  std::int64_t max_positions() const { return max_positions_; }

  /// Of the angles of a position, float32 [head_size / 2].
  const float* cosines(std::int64_t position) const { return cosines_.data() + position * (head_size_ / 2); }
  const float* sines(std::int64_t position) const { return sines_.data() + position * (head_size_ / 2); }

 private:
  std::int64_t head_size_;
  std::int64_t max_positions_;
  std::vector<float> cosines_;
  std::vector<float> sines_;
};

/// Turns every head of `values`, float32 [T, D], in place. Throws InvalidArgument unless the table has the
/// shape's head size and at least as many positions as the longest sequence.
void rotate_heads(const RotaryTable& table, const AttentionShape& shape, float* values);

/// Backward of rotate_heads: turns the gradient by the opposite angles, in place. Throws as it does.
void rotate_heads_backward(const RotaryTable& table, const AttentionShape& shape, float* gradient);

}  // namespace kdqat::kernels
