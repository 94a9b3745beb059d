#include "kdqat/data/hold_out.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/random.h"

namespace kdqat::data {
namespace {

/// Number of the random stream, which keeps it apart from other uses of a seed.
constexpr std::uint64_t kHoldOutStream = 0x686F6C64;  // "hold"

}  // namespace

std::vector<std::int64_t> held_out_indices(std::span<const double> labels, const HoldOutConfig& config) {
  if (labels.size() < 2) {
    throw base::InvalidArgument(
        base::concat("hold-out: expected at least two training examples, found ", labels.size()));
  }
  if (!(config.share > 0.0 && config.share < 1.0)) {
    throw base::InvalidArgument(
        base::concat("hold-out: expected a share above 0 and below 1, found ", config.share));
  }
  if (config.most < 1) {
    throw base::InvalidArgument(base::concat("hold-out: expected at most 1 or more, found ", config.most));
  }
  const auto examples = static_cast<std::int64_t>(labels.size());
  const std::int64_t count = std::clamp<std::int64_t>(
      std::llround(config.share * static_cast<double>(examples)), 1, std::min(config.most, examples - 1));

  std::vector<std::int64_t> order(labels.size());
  std::iota(order.begin(), order.end(), 0);
  base::Random(0, kHoldOutStream).shuffle(order);
  std::ranges::stable_sort(order, {}, [&](std::int64_t i) { return labels[static_cast<std::size_t>(i)]; });
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < count; ++i) {
    // The middle of the i-th of `count` equally long stretches.
    chosen.push_back(order[static_cast<std::size_t>((2 * i + 1) * examples / (2 * count))]);
  }
  std::ranges::sort(chosen);
  return chosen;
}

HeldOut hold_out(Dataset dataset, const HoldOutConfig& config) {
  const std::vector<std::int64_t> chosen = held_out_indices(dataset.labels, config);
  HeldOut parts;
  parts.kept.regression = parts.held_out.regression = dataset.regression;
  parts.kept.warnings = std::move(dataset.warnings);
  auto next = chosen.begin();
  for (std::size_t i = 0; i < dataset.labels.size(); ++i) {
    const bool is_chosen = next != chosen.end() && *next == static_cast<std::int64_t>(i);
    if (is_chosen) ++next;
    Dataset& part = is_chosen ? parts.held_out : parts.kept;
    part.encodings.push_back(std::move(dataset.encodings[i]));
    part.labels.push_back(dataset.labels[i]);
  }
  return parts;
}

}  // namespace kdqat::data
