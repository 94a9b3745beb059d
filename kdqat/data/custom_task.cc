#include "kdqat/data/custom_task.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <set>
#include <system_error>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/base/message.h"
#include "kdqat/data/example_reader.h"
#include "kdqat/data/record_reader.h"

namespace kdqat::data {
namespace {

void check_column_names(const CustomTaskOptions& options) {
  std::vector<std::string> names = {options.text_column, options.label_column};
  if (options.pair_column) names.push_back(*options.pair_column);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) throw base::InvalidArgument("column name: expected a name, found an empty one");
    if (std::ranges::count(names, names[i]) > 1) {
      throw base::InvalidArgument(
          base::concat("columns of text, pair and label: expected different names, found ",
                       base::quote(names[i]), " twice"));
    }
  }
}

void check_labels(const CustomTaskOptions& options) {
  const std::vector<std::string>& labels = options.labels;
  if (options.regression) {
    if (labels.empty()) return;
    throw base::InvalidArgument(
        base::concat("labels: expected none for a regression, found ", base::list(labels)));
  }
  std::set<std::string> seen;
  for (const std::string& label : labels) {
    if (label.empty()) throw base::InvalidArgument("labels: expected names, found an empty one");
    if (!seen.insert(label).second) {
      throw base::InvalidArgument(
          base::concat("labels: expected different names, found ", base::quote(label), " twice"));
    }
  }
  if (labels.size() < 2) {
    throw base::InvalidArgument(
        base::concat("labels: expected at least two, found ",
                     labels.empty() ? "none" : "only " + base::quote(labels.front())));
  }
}

void check_metric(Metric metric, const CustomTaskOptions& options) {
  const bool for_regression = metric == Metric::kPearsonAndSpearman;
  if (for_regression != options.regression) {
    throw base::InvalidArgument(base::concat("metric: expected one for a ",
                                             options.regression ? "regression" : "classification", ", found ",
                                             name_of(metric)));
  }
  const bool for_two_classes = metric == Metric::kF1 || metric == Metric::kF1AndAccuracy;
  if (for_two_classes && options.labels.size() != 2) {
    throw base::InvalidArgument(
        base::concat("metric ", name_of(metric), ": expected two classes, found ", options.labels.size()));
  }
}

std::vector<std::string> files_of(const std::string& split) {
  return {split + ".tsv", split + ".csv", split + ".jsonl"};
}

std::optional<std::int64_t> as_integer(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

std::vector<std::string> collect_labels(const Task& task, const std::filesystem::path& file) {
  const Records read = read_records(task, file);
  std::set<std::string> found;
  for (const Record& record : read.records) {
    if (record.label.empty()) {
      throw base::FormatError(
          base::concat(base::at_line(file.string(), record.line), ": expected a label, found an empty one"));
    }
    found.insert(record.label);
  }
  if (found.size() < 2) {
    throw base::FormatError(base::concat(file.string(),
                                         ": expected labels of at least two classes, found only ",
                                         base::quote(*found.begin())));
  }
  std::vector<std::string> labels(found.begin(), found.end());
  if (std::ranges::all_of(labels, [](const std::string& label) { return as_integer(label).has_value(); })) {
    std::ranges::stable_sort(labels, {}, as_integer);
  }
  return labels;
}

/// Everything of the task but its classes and its metric.
Task task_without_labels(const CustomTaskOptions& options) {
  check_column_names(options);
  Task task;
  task.name = kCustomTask;
  task.columns.text = options.text_column;
  task.columns.pair = options.pair_column;
  task.columns.label = options.label_column;
  for (const char* split : {"train", "dev", "test"}) task.files[split] = files_of(split);
  return task;
}

}  // namespace

Task make_custom_task(const CustomTaskOptions& options) {
  Task task = task_without_labels(options);
  check_labels(options);
  task.kind = options.regression ? TaskKind::kRegression : TaskKind::kClassification;
  task.metric = options.metric.value_or(options.regression ? Metric::kPearsonAndSpearman : Metric::kAccuracy);
  check_metric(task.metric, options);
  task.labels = options.labels;
  task.label_values = options.labels;
  return task;
}

Task make_custom_task(const CustomTaskOptions& options, const std::filesystem::path& training_data) {
  if (options.regression || !options.labels.empty()) return make_custom_task(options);
  const Task unlabelled = task_without_labels(options);
  std::error_code ignored;
  const bool is_directory = std::filesystem::is_directory(training_data, ignored);
  CustomTaskOptions complete = options;
  complete.labels = collect_labels(
      unlabelled, is_directory ? split_file(unlabelled, training_data, "train") : training_data);
  return make_custom_task(complete);
}

}  // namespace kdqat::data
