#include "kdqat/data/task.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/base/message.h"

namespace kdqat::data {
namespace {

constexpr std::array<std::pair<Metric, std::string_view>, 6> kMetricNames = {{
    {Metric::kAccuracy, "accuracy"},
    {Metric::kF1, "f1"},
    {Metric::kMacroF1, "macro_f1"},
    {Metric::kMatthews, "matthews"},
    {Metric::kF1AndAccuracy, "f1_and_accuracy"},
    {Metric::kPearsonAndSpearman, "pearson_and_spearman"},
}};

const std::map<std::string, std::vector<std::string>, std::less<>> kGlueFiles = {{"train", {"train.tsv"}},
                                                                                 {"dev", {"dev.tsv"}}};

std::vector<Task> make_known_tasks() {
  return {
      {.name = "cola",
       .metric = Metric::kMatthews,
       .labels = {"unacceptable", "acceptable"},
       .label_values = {"0", "1"},
       .columns = {.text = 3, .label = 1},
       .has_header = false,
       .files = kGlueFiles,
       .max_seq_length = 64,
       .batch_size = 16,
       .eval_steps = 50},
      {.name = "sst-2",
       .metric = Metric::kAccuracy,
       .labels = {"negative", "positive"},
       .label_values = {"0", "1"},
       .columns = {.text = 0, .label = 1},
       .files = kGlueFiles,
       .max_seq_length = 64,
       .batch_size = 32,
       .eval_steps = 100},
      {.name = "mrpc",
       .metric = Metric::kF1AndAccuracy,
       .labels = {"not_equivalent", "equivalent"},
       .label_values = {"0", "1"},
       .columns = {.text = 3, .pair = 4, .label = 0},
       .files = kGlueFiles,
       .max_seq_length = 128,
       .batch_size = 32,
       .eval_steps = 50},
      {.name = "sts-b",
       .kind = TaskKind::kRegression,
       .metric = Metric::kPearsonAndSpearman,
       .columns = {.text = 7, .pair = 8, .label = 9},
       .files = kGlueFiles,
       .max_seq_length = 128,
       .batch_size = 32,
       .eval_steps = 100},
      {.name = "qqp",
       .metric = Metric::kF1AndAccuracy,
       .labels = {"not_duplicate", "duplicate"},
       .label_values = {"0", "1"},
       .columns = {.text = 3, .pair = 4, .label = 5},
       .skip_short_rows = true,
       .skip_empty_texts = true,
       .files = kGlueFiles,
       .max_seq_length = 128,
       .batch_size = 32,
       .eval_steps = 1000},
      {.name = "mnli",
       .metric = Metric::kAccuracy,
       .labels = {"contradiction", "entailment", "neutral"},
       .label_values = {"contradiction", "entailment", "neutral"},
       .columns = {.text = 8, .pair = 9, .label = kLastColumn},
       .files = {{"train", {"train.tsv"}},
                 {"dev", {"dev_matched.tsv"}},
                 {"dev_mismatched", {"dev_mismatched.tsv"}}},
       .max_seq_length = 128,
       .batch_size = 32,
       .eval_steps = 8000},
      {.name = "qnli",
       .metric = Metric::kAccuracy,
       .labels = {"entailment", "not_entailment"},
       .label_values = {"entailment", "not_entailment"},
       .columns = {.text = 1, .pair = 2, .label = 3},
       .files = kGlueFiles,
       .max_seq_length = 128,
       .batch_size = 32,
       .eval_steps = 1000},
      {.name = "rte",
       .metric = Metric::kAccuracy,
       .labels = {"entailment", "not_entailment"},
       .label_values = {"entailment", "not_entailment"},
       .columns = {.text = 1, .pair = 2, .label = 3},
       .files = kGlueFiles,
       .max_seq_length = 128,
       .batch_size = 32,
       .eval_steps = 20},
      {.name = "wnli",
       .metric = Metric::kAccuracy,
       .labels = {"not_entailment", "entailment"},
       .label_values = {"0", "1"},
       .columns = {.text = 1, .pair = 2, .label = 3},
       .files = kGlueFiles,
       .max_seq_length = 128,
       .batch_size = 32,
       .eval_steps = 20},
      {.name = "nsmc",
       .metric = Metric::kAccuracy,
       .labels = {"negative", "positive"},
       .label_values = {"0", "1"},
       .columns = {.text = 1, .label = 2},
       .skip_empty_texts = true,
       .files = {{"train", {"ratings_train.txt"}}, {"dev", {"ratings_test.txt"}}},
       .max_seq_length = 128,
       .batch_size = 32,
       .eval_steps = 1000},
  };
}

const std::vector<Task>& known_tasks() {
  static const std::vector<Task> tasks = make_known_tasks();
  return tasks;
}

}  // namespace

std::string_view name_of(Metric metric) {
  return std::ranges::find(kMetricNames, metric, &std::pair<Metric, std::string_view>::first)->second;
}

Metric find_metric(std::string_view name) {
  const auto found = std::ranges::find(kMetricNames, name, &std::pair<Metric, std::string_view>::second);
  if (found != kMetricNames.end()) return found->first;
  std::vector<std::string> names;
  for (const auto& entry : kMetricNames) names.emplace_back(entry.second);
  throw base::InvalidArgument(
      base::concat("metric: expected one of ", base::list(names), ", found ", base::quote(name)));
}

const std::vector<std::string>& task_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Task& task : known_tasks()) all.push_back(task.name);
    return all;
  }();
  return names;
}

Task find_task(std::string_view name) {
  const auto found = std::ranges::find(known_tasks(), name, &Task::name);
  if (found != known_tasks().end()) return *found;
  throw base::InvalidArgument(
      base::concat("task: expected one of ", base::list(task_names()), ", found ", base::quote(name)));
}

}  // namespace kdqat::data
