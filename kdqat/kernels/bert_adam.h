#pragma once

#include <cstdint>
#include <span>

namespace kdqat::kernels {

/// Constants of one update; the defaults are those of BERT's optimizer.
struct BertAdamSettings {
  float learning_rate = 0.0F;  ///< of this update, schedule included
  double beta1 = 0.9;
  double beta2 = 0.999;
  float epsilon = 1e-6F;
  float weight_decay = 0.01F;
  float gradient_factor = 1.0F;  ///< what clipping multiplies the gradient with
};

/// Adam without bias correction and with decoupled weight decay, as BERT uses it (Devlin et al., 2019,
/// arXiv:1810.04805; Loshchilov & Hutter, arXiv:1711.05101), all float32 [count], in place:
///   g = gradient_factor gradient; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
///   w = w - learning_rate (m / (sqrt(v) + epsilon) + weight_decay w).
/// 1 - beta is taken in double before it is rounded: in float, 1 - 0.999 is 1.3e-5 of itself too small.
/// gradient may be nullptr, which stands for zeros.
void bert_adam_update(const BertAdamSettings& settings, std::int64_t count, const float* gradient,
                      float* weights, float* first_moment, float* second_moment);

/// Several updates in a row with gradients of zero, at these learning rates (that of `settings` is not read):
/// the same bits as bert_adam_update for each. In the calling thread.
void bert_adam_idle_updates(const BertAdamSettings& settings, std::span<const float> learning_rates,
                            std::int64_t count, float* weights, float* first_moment, float* second_moment);

/// Sum of squares of float32 [count], in double and in one order whatever the thread count.
double sum_of_squares(const float* values, std::int64_t count);

}  // namespace kdqat::kernels
