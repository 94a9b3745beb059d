#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/data/task.h"

// A task on your own files, such as my-data/train.csv with the columns "review" and "stars":
//
//   const Task task = make_custom_task({.text_column = "review", .label_column = "stars"}, "my-data");

namespace kdqat::data {

/// The name of a task on your own data.
inline constexpr std::string_view kCustomTask = "custom";

/// The columns of your own files. In JSON lines they are fields of these names.
struct CustomTaskOptions {
  std::string text_column = "text";
  std::optional<std::string> pair_column = std::nullopt;
  std::string label_column = "label";
  std::optional<Metric> metric = std::nullopt;  ///< default: accuracy; regression: pearson_and_spearman
  bool regression = false;                      ///< labels are scores
  std::vector<std::string> labels = {};         ///< in the order of their ids; empty: from the training file
};

/// Task "custom". Its splits are train, dev and test: <split>.tsv, .csv or .jsonl in the data directory.
///
/// `training_data` is the data directory or the training file itself. It is read only if options.labels is
/// empty, to find the classes: all labels of its examples, sorted by number if all are integers, else by
/// their bytes.
///
/// Throws InvalidArgument for a column name that is empty or repeated; for options.labels with an empty or
/// repeated name, with fewer than two names or together with `regression`; and for a metric that does not fit
/// the kind of task or the number of classes. Throws FormatError and IoError as read_examples and split_file
/// do, and FormatError if the training file has fewer than two classes.
Task make_custom_task(const CustomTaskOptions& options, const std::filesystem::path& training_data);

/// Task "custom" with known classes: reads no file. Throws InvalidArgument as above, and if options.labels is
/// empty for a classification.
Task make_custom_task(const CustomTaskOptions& options);

}  // namespace kdqat::data
