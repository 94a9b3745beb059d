#include "kdqat/evaluate/significance.h"

#include <algorithm>
#include <cmath>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"
#include "kdqat/base/random.h"

namespace kdqat::evaluate {
namespace {

/// Upper half of the number of a random stream; the lower half is the resample.
constexpr std::uint64_t kBootstrapStream = 0x626F6F74;  // "boot"

/// The value below which a share of the sorted values lies, between the two nearest in proportion.
double percentile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

void check_pairs(std::span<const ResampledScores> first, std::span<const ResampledScores> second) {
  if (first.empty() || first.size() != second.size()) {
    throw base::InvalidArgument(
        base::concat("paired scores: expected as many runs of both, at least one, found ", first.size(),
                     " and ", second.size()));
  }
  const std::size_t resamples = first.front().resamples.size();
  for (const std::span<const ResampledScores> runs : {first, second}) {
    for (const ResampledScores& run : runs) {
      if (run.resamples.size() == resamples && resamples > 0) continue;
      throw base::InvalidArgument(base::concat("paired scores: expected ", resamples,
                                               " resamples of every run, found ", run.resamples.size()));
    }
  }
}

}  // namespace

double AnswerDifferences::mcnemar_p_value() const {
  const auto n = static_cast<double>(only_first_right + only_second_right);
  double tail = 0.0;
  for (std::int64_t k = 0; k <= std::min(only_first_right, only_second_right); ++k) {
    const auto i = static_cast<double>(k);
    tail +=
        std::exp(std::lgamma(n + 1.0) - std::lgamma(i + 1.0) - std::lgamma(n - i + 1.0) - n * std::log(2.0));
  }
  return std::min(1.0, 2.0 * tail);
}

AnswerDifferences compare_answers(std::span<const double> labels, std::span<const double> first,
                                  std::span<const double> second) {
  if (first.size() != labels.size() || second.size() != labels.size()) {
    throw base::InvalidArgument(base::concat("answers to compare: expected ", labels.size(),
                                             " of each, found ", first.size(), " and ", second.size()));
  }
  AnswerDifferences result;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (first[i] == second[i]) continue;
    ++result.different;
    result.only_first_right += first[i] == labels[i] ? 1 : 0;
    result.only_second_right += second[i] == labels[i] ? 1 : 0;
  }
  return result;
}

ResampledScores resample_scores(data::Metric metric, std::span<const double> labels,
                                std::span<const double> predictions, const BootstrapConfig& config) {
  if (config.resamples < 1) {
    throw base::InvalidArgument(base::concat("resamples: expected at least 1, found ", config.resamples));
  }
  ResampledScores result{.score = score_of(metric, labels, predictions), .resamples = {}};
  result.resamples.resize(static_cast<std::size_t>(config.resamples));
  base::parallel_for(0, config.resamples, 16, [&](std::int64_t first, std::int64_t last) {
    std::vector<double> drawn_labels(labels.size());
    std::vector<double> drawn_predictions(labels.size());
    for (std::int64_t k = first; k < last; ++k) {
      base::Random random(config.seed, kBootstrapStream << 32 | static_cast<std::uint64_t>(k));
      for (std::size_t i = 0; i < labels.size(); ++i) {
        const std::uint64_t drawn = random.below(labels.size());
        drawn_labels[i] = labels[drawn];
        drawn_predictions[i] = predictions[drawn];
      }
      result.resamples[static_cast<std::size_t>(k)] = score_of(metric, drawn_labels, drawn_predictions);
    }
  });
  return result;
}

PairedDifference compare_scores(std::span<const ResampledScores> first,
                                std::span<const ResampledScores> second) {
  check_pairs(first, second);
  const auto pairs = static_cast<double>(first.size());
  PairedDifference result;
  std::vector<double> differences(first.front().resamples.size(), 0.0);
  for (std::size_t run = 0; run < first.size(); ++run) {
    result.difference += (first[run].score - second[run].score) / pairs;
    for (std::size_t k = 0; k < differences.size(); ++k) {
      differences[k] += (first[run].resamples[k] - second[run].resamples[k]) / pairs;
    }
  }
  // A difference of sums that should be 0 is a few roundings of scores, which are at most 1.
  constexpr double kRounding = 1e-12;
  const auto not_above = std::ranges::count_if(differences, [](double d) { return d <= kRounding; });
  const auto not_below = std::ranges::count_if(differences, [](double d) { return d >= -kRounding; });
  result.p_value = std::min(1.0, 2.0 * static_cast<double>(1 + std::min(not_above, not_below)) /
                                     static_cast<double>(differences.size() + 1));
  std::ranges::sort(differences);
  result.low = percentile(differences, 0.025);
  result.high = percentile(differences, 0.975);
  return result;
}

}  // namespace kdqat::evaluate
