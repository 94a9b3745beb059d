#pragma once

#include <cstdint>
#include <span>
#include <vector>

// The batches of an epoch:
//
//   for (const std::vector<std::int64_t>& indices : plan_epoch(train.lengths(), {.batch_size = 32}, epoch)) {
//     step(train.batch(indices));
//   }

namespace kdqat::data {

/// How the examples of an epoch are ordered and cut into batches.
struct SamplerConfig {
  std::int64_t batch_size = 32;   ///< sequences a batch
  std::int64_t batch_tokens = 0;  ///< most tokens a batch, instead of batch_size; 0: batch_size applies
  bool bucket_by_length = false;  ///< batches of similar lengths, in random order
  std::uint64_t seed = 42;
};

/// The example indices of every batch of an epoch, in the order of training. Each example occurs once.
/// `lengths`: tokens of each example.
///
/// This is a pure function of its arguments, the same on every machine. A run that resumes at batch k of an
/// epoch plans that epoch again and skips k batches. Every epoch has another order.
///
/// With bucket_by_length the shuffled examples are cut into windows of about 50 batches. Each window is
/// sorted by length, equal lengths in shuffled order, and cut into batches. Then the batches of all windows
/// are shuffled.
///
/// The last batch may be smaller than the others; with buckets and batch_tokens the last one of each window.
///
/// Throws InvalidArgument for no examples, a length below 1, batch_size < 1 (unless batch_tokens applies), a
/// negative batch_tokens or epoch, and an example longer than batch_tokens.
std::vector<std::vector<std::int64_t>> plan_epoch(std::span<const std::int64_t> lengths,
                                                  const SamplerConfig& config, std::int64_t epoch);

/// Number of batches of the epochs 0 .. epochs - 1 together: the steps of such a training. With batch_tokens
/// it plans every epoch, since their numbers of batches differ. Throws as plan_epoch does.
std::int64_t count_batches(std::span<const std::int64_t> lengths, const SamplerConfig& config,
                           std::int64_t epochs);

}  // namespace kdqat::data
