#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "kdqat/data/task.h"

namespace kdqat::evaluate {

// Every metric takes two spans of one length, at least 1, and throws InvalidArgument otherwise. Classes are
// compared as numbers. Scores are fractions (0.868), not percent.

/// Share of predictions that equal their label.
double accuracy(std::span<const double> labels, std::span<const double> predictions);

/// 2 tp / (2 tp + fp + fn) of class 1; 0 if it is neither a label nor a prediction.
double f1(std::span<const double> labels, std::span<const double> predictions);

/// Mean of the F1 of each class that is a label or a prediction.
double macro_f1(std::span<const double> labels, std::span<const double> predictions);

/// Matthews correlation for any number of classes (Gorodkin, 2004, Comput. Biol. Chem. 28): with s examples,
/// c of them right, t_k labels and p_k predictions of class k,
///   (c s - sum_k t_k p_k) / sqrt((s^2 - sum_k t_k^2) (s^2 - sum_k p_k^2));
/// 0 if all labels or all predictions are of one class.
double matthews(std::span<const double> labels, std::span<const double> predictions);

/// Mean of f1 and accuracy.
double f1_and_accuracy(std::span<const double> labels, std::span<const double> predictions);

/// Pearson's correlation coefficient; 0 if all labels or all predictions are equal, where it is not defined.
double pearson(std::span<const double> labels, std::span<const double> predictions);

/// Spearman's rank correlation: pearson of the ranks, equal values having the mean of their ranks.
double spearman(std::span<const double> labels, std::span<const double> predictions);

/// Mean of pearson and spearman.
double pearson_and_spearman(std::span<const double> labels, std::span<const double> predictions);

/// The metric of this name above.
double score_of(data::Metric metric, std::span<const double> labels, std::span<const double> predictions);

/// How good predictions are.
struct Evaluation {
  std::string metric;                     ///< name of the task's metric
  double score = 0.0;                     ///< metrics.at(metric)
  std::map<std::string, double> metrics;  ///< all metrics that the kind of task has
  std::int64_t examples = 0;
};

/// Judges predictions (ids of classes, or scores of a regression) by all metrics that fit the task.
///
/// Throws InvalidArgument if there are no examples, the sizes differ, or a label or prediction is not the id
/// of a class of the task; NumericError if a score of a regression is not finite.
Evaluation evaluate_predictions(const data::Task& task, std::span<const double> labels,
                                std::span<const double> predictions);

}  // namespace kdqat::evaluate
