#include "kdqat/evaluate/metrics.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numeric>
#include <string_view>
#include <vector>

#include "kdqat/base/error.h"

namespace kdqat::evaluate {
namespace {

void check_sizes(std::span<const double> labels, std::span<const double> predictions) {
  if (labels.size() != predictions.size()) {
    throw base::InvalidArgument(base::concat("metrics: expected as many predictions as labels, ",
                                             labels.size(), ", found ", predictions.size()));
  }
  if (labels.empty()) throw base::InvalidArgument("metrics: expected at least one example, found none");
}

struct ClassCounts {
  double labels = 0.0;
  double predictions = 0.0;
  double right = 0.0;
};

/// By class. Counts are doubles, exact up to 2^53.
std::map<double, ClassCounts> count_classes(std::span<const double> labels,
                                            std::span<const double> predictions) {
  check_sizes(labels, predictions);
  std::map<double, ClassCounts> counts;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    counts[labels[i]].labels += 1.0;
    counts[predictions[i]].predictions += 1.0;
    if (labels[i] == predictions[i]) counts[labels[i]].right += 1.0;
  }
  return counts;
}

/// tp + fn labels and tp + fp predictions: their sum is 2 tp + fp + fn.
double f1_of(const ClassCounts& counts) { return 2.0 * counts.right / (counts.labels + counts.predictions); }

bool is_constant(std::span<const double> values) {
  return std::ranges::all_of(values, [&](double value) { return value == values.front(); });
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Ranks from 1; equal values have the mean of the ranks that they take up together.
std::vector<double> average_ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = 0.5 * static_cast<double>(begin + 1 + end);
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
    begin = end;
  }
  return ranks;
}

void check_classes(const data::Task& task, std::span<const double> values, std::string_view what) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    const bool is_class =
        value >= 0.0 && value < static_cast<double>(task.num_labels()) && value == std::floor(value);
    if (is_class) continue;
    throw base::InvalidArgument(base::concat(what, " ", i, ": expected a class 0 .. ", task.num_labels() - 1,
                                             " of task ", task.name, ", found ", value));
  }
}

void check_scores(std::span<const double> values, std::string_view what) {
  const auto found = std::ranges::find_if_not(values, [](double value) { return std::isfinite(value); });
  if (found == values.end()) return;
  throw base::NumericError(
      base::concat(what, " ", found - values.begin(), ": expected a finite number, found ", *found));
}

}  // namespace

double accuracy(std::span<const double> labels, std::span<const double> predictions) {
  check_sizes(labels, predictions);
  std::int64_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += labels[i] == predictions[i] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

double f1(std::span<const double> labels, std::span<const double> predictions) {
  const auto counts = count_classes(labels, predictions);
  const auto positive = counts.find(1.0);
  return positive == counts.end() ? 0.0 : f1_of(positive->second);
}

double macro_f1(std::span<const double> labels, std::span<const double> predictions) {
  const auto counts = count_classes(labels, predictions);
  double sum = 0.0;
  for (const auto& [id, count] : counts) sum += f1_of(count);
  return sum / static_cast<double>(counts.size());
}

double matthews(std::span<const double> labels, std::span<const double> predictions) {
  const auto examples = static_cast<double>(labels.size());
  double right = 0.0;
  double expected_right = 0.0;
  double label_squares = 0.0;
  double prediction_squares = 0.0;
  for (const auto& [id, count] : count_classes(labels, predictions)) {
    right += count.right;
    expected_right += count.labels * count.predictions;
    label_squares += count.labels * count.labels;
    prediction_squares += count.predictions * count.predictions;
  }
  const double label_spread = examples * examples - label_squares;
  const double prediction_spread = examples * examples - prediction_squares;
  if (label_spread == 0.0 || prediction_spread == 0.0) return 0.0;
  return (right * examples - expected_right) / std::sqrt(label_spread * prediction_spread);
}

double f1_and_accuracy(std::span<const double> labels, std::span<const double> predictions) {
  return 0.5 * (f1(labels, predictions) + accuracy(labels, predictions));
}

double pearson(std::span<const double> labels, std::span<const double> predictions) {
  check_sizes(labels, predictions);
  if (is_constant(labels) || is_constant(predictions)) return 0.0;
  const double label_mean = mean(labels);
  const double prediction_mean = mean(predictions);
  double product = 0.0;
  double label_square = 0.0;
  double prediction_square = 0.0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double label = labels[i] - label_mean;
    const double prediction = predictions[i] - prediction_mean;
    product += label * prediction;
    label_square += label * label;
    prediction_square += prediction * prediction;
  }
  // Rounding can lead a little beyond the bounds.
  return std::clamp(product / (std::sqrt(label_square) * std::sqrt(prediction_square)), -1.0, 1.0);
}

double spearman(std::span<const double> labels, std::span<const double> predictions) {
  check_sizes(labels, predictions);
  return pearson(average_ranks(labels), average_ranks(predictions));
}

double pearson_and_spearman(std::span<const double> labels, std::span<const double> predictions) {
  return 0.5 * (pearson(labels, predictions) + spearman(labels, predictions));
}

double score_of(data::Metric metric, std::span<const double> labels, std::span<const double> predictions) {
  switch (metric) {
    case data::Metric::kAccuracy:
      return accuracy(labels, predictions);
    case data::Metric::kF1:
      return f1(labels, predictions);
    case data::Metric::kMacroF1:
      return macro_f1(labels, predictions);
    case data::Metric::kMatthews:
      return matthews(labels, predictions);
    case data::Metric::kF1AndAccuracy:
      return f1_and_accuracy(labels, predictions);
    case data::Metric::kPearsonAndSpearman:
      return pearson_and_spearman(labels, predictions);
  }
  throw base::InvalidArgument("unknown metric");
}

Evaluation evaluate_predictions(const data::Task& task, std::span<const double> labels,
                                std::span<const double> predictions) {
  check_sizes(labels, predictions);
  Evaluation result;
  result.metric = data::name_of(task.metric);
  result.examples = static_cast<std::int64_t>(labels.size());
  const auto add = [&](std::initializer_list<data::Metric> metrics) {
    for (const data::Metric metric : metrics) {
      result.metrics[std::string(data::name_of(metric))] = score_of(metric, labels, predictions);
    }
  };
  if (task.kind == data::TaskKind::kRegression) {
    check_scores(labels, "label");
    check_scores(predictions, "prediction");
    result.metrics = {{"pearson", pearson(labels, predictions)}, {"spearman", spearman(labels, predictions)}};
    add({data::Metric::kPearsonAndSpearman});
  } else {
    check_classes(task, labels, "label");
    check_classes(task, predictions, "prediction");
    add({data::Metric::kAccuracy, data::Metric::kMacroF1, data::Metric::kMatthews});
    if (task.num_labels() == 2) add({data::Metric::kF1, data::Metric::kF1AndAccuracy});
  }
  result.score = result.metrics.at(result.metric);
  return result;
}

}  // namespace kdqat::evaluate
