#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kdqat::data {

/// How the examples of an epoch are put in order and cut into batches.
struct SamplerConfig {
  std::int64_t batch_size = 32;   ///< sentences or pairs a batch
  std::int64_t batch_tokens = 0;  ///< most tokens a batch; batch_size does not apply then. 0: by batch_size
  bool bucket_by_length = false;  ///< batches of similar lengths, in random order
  std::uint64_t seed = 42;
};

/// Indices of the examples of every batch of an epoch, in the order of training: each example exactly once.
///
/// A pure function of its arguments, the same on every machine, so a run that goes on from batch k of an
/// epoch plans that epoch again and skips k batches. Every epoch has its own order.
///
/// bucket_by_length: the shuffled examples are cut into windows of about 50 batches; each window is sorted by
/// length, equal lengths in shuffled order, and cut into batches; at last the batches of all windows are
/// shuffled.
///
/// lengths: tokens of each example. The last batch (with buckets and batch_tokens the last of each window)
/// may be smaller than the others.
///
/// Throws InvalidArgument for no examples, a length below 1, batch_size < 1 (unless batch_tokens applies), a
/// negative batch_tokens or epoch, and an example longer than batch_tokens.
std::vector<std::vector<std::int64_t>> plan_epoch(std::span<const std::int64_t> lengths,
                                                  const SamplerConfig& config, std::int64_t epoch);

/// Batches of the epochs 0 .. epochs - 1 together: the updates of a training of that length. By batch_tokens
/// this plans every epoch, since their numbers of batches differ. Throws as plan_epoch does.
std::int64_t count_batches(std::span<const std::int64_t> lengths, const SamplerConfig& config,
                           std::int64_t epochs);

}  // namespace kdqat::data
