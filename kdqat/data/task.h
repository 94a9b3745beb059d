#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// A labelled task:
//
//   const Task task = find_task("sst-2");
//   task.labels;          // {"negative", "positive"}
//   task.max_seq_length;  // 64

namespace kdqat::data {

enum class TaskKind { kClassification, kRegression };

/// What a task is judged by; evaluate/metrics.h has the formulas.
enum class Metric {
  kAccuracy,
  kF1,  ///< of class 1, of two classes
  kMacroF1,
  kMatthews,
  kF1AndAccuracy,      ///< their mean
  kPearsonAndSpearman  ///< their mean; for regressions
};

/// "accuracy", "f1", "macro_f1", "matthews", "f1_and_accuracy", "pearson_and_spearman".
std::string_view name_of(Metric metric);

/// The metric of a name. Throws InvalidArgument that lists the known names.
Metric find_metric(std::string_view name);

/// A column of a file: its position from 0, or its name in the header. In JSON lines: the name of a field.
using Column = std::variant<std::int64_t, std::string>;

/// The last column of a file's header.
inline constexpr std::int64_t kLastColumn = -1;

struct Columns {
  Column text;
  std::optional<Column> pair = std::nullopt;  ///< the second text of a task of pairs
  Column label;

  bool operator==(const Columns&) const = default;
};

/// A labelled task: how its files are read, the names of its classes, how it is scored.
struct Task {
  std::string name;
  TaskKind kind = TaskKind::kClassification;
  Metric metric = Metric::kAccuracy;
  std::vector<std::string> labels =
      {};  ///< names of the classes in the order of their ids; empty for a regression
  std::vector<std::string> label_values = {};  ///< the same classes as the files spell them
  Columns columns = {};
  bool has_header = true;
  bool skip_short_rows = false;   ///< rows with too few columns are skipped and counted, not an error
  bool skip_empty_texts = false;  ///< rows with an empty text are skipped and counted, not an error

  /// For each split ("train", "dev" ...) the names that its file may have in the data directory.
  std::map<std::string, std::vector<std::string>, std::less<>> files = {};

  std::int64_t max_seq_length = 128;  ///< tokens, [CLS] and [SEP] included
  std::int64_t batch_size = 32;       ///< sequences
  std::int64_t eval_steps = 100;      ///< steps from one evaluation to the next

  /// C, the columns of the classifier: one a class, 1 for a regression.
  std::int64_t num_labels() const {
    return kind == TaskKind::kRegression ? 1 : static_cast<std::int64_t>(labels.size());
  }

  bool operator==(const Task&) const = default;
};

/// "cola", "sst-2", "mrpc", "sts-b", "qqp", "mnli", "qnli", "rte", "wnli" (GLUE, Wang et al., 2019,
/// arXiv:1804.07461) and "nsmc" (Naver sentiment movie corpus).
const std::vector<std::string>& task_names();

/// A task of task_names(), for files as they are distributed. Throws InvalidArgument that lists the known
/// names.
Task find_task(std::string_view name);

/// The part of a task that a model's config.json keeps: the name; for task "custom" also all its
/// CustomTaskOptions.
nlohmann::json to_json(const Task& task);

/// Reads what to_json wrote. Throws FormatError that starts with `where` and names the field, what was
/// expected and what was found, for anything else.
Task task_from_json(const nlohmann::json& json, const std::string& where = "task");

}  // namespace kdqat::data
