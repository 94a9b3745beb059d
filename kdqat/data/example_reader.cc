#include "kdqat/data/example_reader.h"

#include <charconv>
#include <cmath>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/base/message.h"
#include "kdqat/data/record_reader.h"

namespace kdqat::data {
namespace {

/// Labels as a file spells them -> ids of classes or scores.
class LabelParser {
 public:
  LabelParser(const Task& task, std::string file) : task_(task), file_(std::move(file)) {
    for (const std::string& value : task.label_values) ids_.emplace(value, static_cast<double>(ids_.size()));
  }

  double parse(const Record& record) const {
    return task_.kind == TaskKind::kRegression ? parse_score(record) : parse_class(record);
  }

 private:
  double parse_class(const Record& record) const {
    const auto found = ids_.find(record.label);
    if (found != ids_.end()) return found->second;
    throw base::FormatError(base::concat(base::at_line(file_, record.line), ": expected one of the labels ",
                                         base::list(task_.label_values), ", found ",
                                         base::quote(record.label)));
  }

  double parse_score(const Record& record) const {
    double score = 0.0;
    const char* end = record.label.data() + record.label.size();
    const auto result = std::from_chars(record.label.data(), end, score);
    if (result.ec == std::errc{} && result.ptr == end && std::isfinite(score)) return score;
    throw base::FormatError(base::concat(base::at_line(file_, record.line),
                                         ": expected a finite number as score, found ",
                                         base::quote(record.label)));
  }

  const Task& task_;
  std::string file_;
  std::unordered_map<std::string, double> ids_;
};

/// Of the names that a split's file may have, those that are in the directory.
std::vector<std::string> present_files(const std::vector<std::string>& names,
                                       const std::filesystem::path& data_dir) {
  std::vector<std::string> present;
  std::error_code ignored;
  for (const std::string& name : names) {
    if (std::filesystem::exists(data_dir / name, ignored)) present.push_back(name);
  }
  return present;
}

}  // namespace

Examples read_examples(const Task& task, const std::filesystem::path& file) {
  Records read = read_records(task, file);
  const LabelParser labels(task, file.string());
  Examples result;
  result.warnings = std::move(read.warnings);
  result.examples.reserve(read.records.size());
  for (Record& record : read.records) {
    const double label = labels.parse(record);
    result.examples.push_back(
        {.text = std::move(record.text), .pair = std::move(record.pair), .label = label});
  }
  return result;
}

std::filesystem::path split_file(const Task& task, const std::filesystem::path& data_dir,
                                 std::string_view split) {
  const auto candidates = task.files.find(split);
  if (candidates == task.files.end()) {
    std::vector<std::string> splits;
    for (const auto& [name, files] : task.files) splits.push_back(name);
    throw base::InvalidArgument(base::concat("split of task ", task.name, ": expected one of ",
                                             base::list(splits), ", found ", base::quote(split)));
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(data_dir, ignored)) {
    throw base::IoError(
        base::concat(data_dir.string(), ": expected a directory with the data of task ", task.name));
  }
  const std::vector<std::string> present = present_files(candidates->second, data_dir);
  if (present.size() == 1) return data_dir / present.front();
  if (present.empty()) {
    throw base::IoError(base::concat(data_dir.string(), ": expected a file of split ", split, " of task ",
                                     task.name, ", ", base::list(candidates->second), ", found none"));
  }
  throw base::InvalidArgument(base::concat(data_dir.string(), ": expected one file of split ", split,
                                           " of task ", task.name, ", found ", base::list(present)));
}

bool has_split(const Task& task, const std::filesystem::path& data_dir, std::string_view split) {
  const auto candidates = task.files.find(split);
  return candidates != task.files.end() && !present_files(candidates->second, data_dir).empty();
}

}  // namespace kdqat::data
