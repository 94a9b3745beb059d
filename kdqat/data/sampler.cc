#include "kdqat/data/sampler.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/random.h"

namespace kdqat::data {
namespace {

using Indices = std::vector<std::int64_t>;

/// Enough for a window to have batches of many lengths, few enough for an epoch to keep its mixture.
constexpr std::int64_t kBatchesPerWindow = 50;

/// Upper half of the number of a random stream; the lower half is the epoch. Keeps the order of the examples
/// apart from other uses of the same seed.
constexpr std::uint64_t kSamplerStream = 0x73616D70;  // "samp"

void check_plan(std::span<const std::int64_t> lengths, const SamplerConfig& config) {
  if (lengths.empty()) throw base::InvalidArgument("sampler: expected at least one example, found none");
  if (config.batch_tokens < 0) {
    throw base::InvalidArgument(
        base::concat("tokens a batch: expected at least 0, found ", config.batch_tokens));
  }
  if (config.batch_tokens == 0 && config.batch_size < 1) {
    throw base::InvalidArgument(base::concat("batch size: expected at least 1, found ", config.batch_size));
  }
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] < 1) {
      throw base::InvalidArgument(
          base::concat("example ", i, ": expected at least 1 token, found ", lengths[i]));
    }
    if (config.batch_tokens > 0 && lengths[i] > config.batch_tokens) {
      throw base::InvalidArgument(base::concat("example ", i, ": expected at most ", config.batch_tokens,
                                               " tokens, the most in a batch, found ", lengths[i]));
    }
  }
}

std::int64_t capacity(const SamplerConfig& config) {
  return config.batch_tokens > 0 ? config.batch_tokens : config.batch_size;
}

std::int64_t capacity_of_window(const SamplerConfig& config) {
  const std::int64_t batch = capacity(config);
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return batch > kMost / kBatchesPerWindow ? kMost : batch * kBatchesPerWindow;
}

/// `order` cut into runs, each as long as fits `most`, which is tokens or examples as the capacity of a batch
/// is.
std::vector<Indices> cut(std::span<const std::int64_t> order, std::span<const std::int64_t> lengths,
                         const SamplerConfig& config, std::int64_t most) {
  std::vector<Indices> runs;
  std::int64_t left = 0;
  for (const std::int64_t example : order) {
    const std::int64_t size = config.batch_tokens > 0 ? lengths[static_cast<std::size_t>(example)] : 1;
    if (runs.empty() || size > left) {
      runs.emplace_back();
      left = most;
    }
    runs.back().push_back(example);
    left -= size;
  }
  return runs;
}

}  // namespace

std::vector<Indices> plan_epoch(std::span<const std::int64_t> lengths, const SamplerConfig& config,
                                std::int64_t epoch) {
  check_plan(lengths, config);
  if (epoch < 0) throw base::InvalidArgument(base::concat("epoch: expected at least 0, found ", epoch));

  base::Random random(config.seed, kSamplerStream << 32 | static_cast<std::uint64_t>(epoch));
  Indices order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  random.shuffle(order);
  if (!config.bucket_by_length) return cut(order, lengths, config, capacity(config));

  std::vector<Indices> batches;
  for (Indices& window : cut(order, lengths, config, capacity_of_window(config))) {
    std::ranges::stable_sort(window, {},
                             [&](std::int64_t i) { return lengths[static_cast<std::size_t>(i)]; });
    std::ranges::move(cut(window, lengths, config, capacity(config)), std::back_inserter(batches));
  }
  random.shuffle(batches);
  return batches;
}

std::int64_t count_batches(std::span<const std::int64_t> lengths, const SamplerConfig& config,
                           std::int64_t epochs) {
  check_plan(lengths, config);
  if (epochs < 0) throw base::InvalidArgument(base::concat("epochs: expected at least 0, found ", epochs));
  if (config.batch_tokens == 0) {
    const auto examples = static_cast<std::int64_t>(lengths.size());
    return epochs * ((examples - 1) / config.batch_size + 1);
  }
  std::int64_t batches = 0;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    batches += static_cast<std::int64_t>(plan_epoch(lengths, config, epoch).size());
  }
  return batches;
}

}  // namespace kdqat::data
