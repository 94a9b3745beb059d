#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/data/task.h"

namespace kdqat::data {

/// The name of a task over one's own data.
inline constexpr std::string_view kCustomTask = "custom";

/// One's own data: files with named columns. JSON lines have fields of these names.
struct CustomTaskOptions {
  std::string text_column = "text";
  std::optional<std::string> pair_column = std::nullopt;
  std::string label_column = "label";
  std::optional<Metric> metric = std::nullopt;  ///< default: accuracy; regression: pearson_and_spearman
  bool regression = false;                      ///< labels are scores
  std::vector<std::string> labels = {};  ///< in the order of their ids; from the training file where empty
};

/// Task "custom". Its splits are train, dev and test: <split>.tsv, .csv or .jsonl in the data directory.
///
/// `training_data` is the data directory or the training file itself. It is read only to find the classes
/// where options.labels is empty: all labels of its examples, sorted by number where all are integers, else
/// by their bytes.
///
/// Throws InvalidArgument for an empty or repeated column name, options.labels with a name that is empty or
/// repeated, with fewer than two names or beside `regression`, and a metric that does not fit the kind of
/// task or the number of classes; FormatError and IoError as read_examples and split_file do, and FormatError
/// if the training file has fewer than two classes.
Task make_custom_task(const CustomTaskOptions& options, const std::filesystem::path& training_data);

/// The same from classes that are already known, so that no file is read. Throws InvalidArgument as above,
/// and where options.labels is empty for a classification.
Task make_custom_task(const CustomTaskOptions& options);

}  // namespace kdqat::data
