#include "kdqat/study/results.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

#include "kdqat/base/error.h"
#include "kdqat/evaluate/significance.h"
#include "kdqat/study/record.h"

namespace kdqat::study {
namespace {

/// A run that is done.
struct DoneRun {
  std::uint64_t seed = 0;
  std::string name;
  nlohmann::json result;
  std::vector<double> labels = {};
  std::vector<double> predictions = {};
};

/// Those of one variant of a task, or of its teachers, in the order of the seeds.
struct Group {
  std::string name;
  std::vector<DoneRun> runs;
};

DoneRun read_done(const StudyRun& run, nlohmann::json record) {
  DoneRun done{.seed = run.seed, .name = run.name, .result = std::move(record.at("result"))};
  done.labels = done.result.at("labels").get<std::vector<double>>();
  done.predictions = done.result.at("predictions").get<std::vector<double>>();
  return done;
}

void check_examples(const std::vector<Group>& groups) {
  const DoneRun* first = nullptr;
  for (const Group& group : groups) {
    for (const DoneRun& run : group.runs) {
      if (first == nullptr) first = &run;
      if (run.labels != first->labels || run.predictions.size() != first->labels.size()) {
        throw base::InvalidArgument(base::concat(run.name, ": expected the ", first->labels.size(),
                                                 " reported examples of ", first->name, ", found ",
                                                 run.labels.size(), " others: the data has changed"));
      }
    }
  }
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Sample standard deviation; null of a single value.
nlohmann::json deviation_of(const std::vector<double>& values) {
  if (values.size() < 2) return nullptr;
  const double mean = mean_of(values);
  double sum = 0.0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

/// Compares the groups of one task with its baseline. Resamples a run once.
class Comparison {
 public:
  Comparison(data::Metric metric, const Group& baseline) : metric_(metric), baseline_(baseline) {}

  /// Null where no seed is done in both.
  nlohmann::json of(const Group& group) {
    std::vector<evaluate::ResampledScores> scores;
    std::vector<evaluate::ResampledScores> baseline_scores;
    nlohmann::json mcnemar = nlohmann::json::array();
    nlohmann::json seeds = nlohmann::json::array();
    for (const DoneRun& run : group.runs) {
      const auto pair = std::ranges::find(baseline_.runs, run.seed, &DoneRun::seed);
      if (pair == baseline_.runs.end()) continue;
      seeds.push_back(run.seed);
      scores.push_back(resampled(run));
      baseline_scores.push_back(resampled(*pair));
      mcnemar.push_back(
          evaluate::compare_answers(run.labels, run.predictions, pair->predictions).mcnemar_p_value());
    }
    if (scores.empty()) return nullptr;
    const evaluate::PairedDifference paired = evaluate::compare_scores(scores, baseline_scores);
    nlohmann::json result = {{"seeds", seeds},
                             {"difference", paired.difference},
                             {"low", paired.low},
                             {"high", paired.high},
                             {"bootstrap_p", paired.p_value}};
    if (metric_ != data::Metric::kPearsonAndSpearman) result["mcnemar_p"] = mcnemar;
    return result;
  }

 private:
  const evaluate::ResampledScores& resampled(const DoneRun& run) {
    auto found = resampled_.find(run.name);
    if (found == resampled_.end())
      found =
          resampled_.emplace(run.name, evaluate::resample_scores(metric_, run.labels, run.predictions)).first;
    return found->second;
  }

  data::Metric metric_;
  const Group& baseline_;
  std::map<std::string, evaluate::ResampledScores> resampled_;
};

nlohmann::json describe(const Group& group) {
  nlohmann::json runs = nlohmann::json::array();
  std::vector<double> scores;
  for (const DoneRun& run : group.runs) {
    nlohmann::json entry = {{"name", run.name}, {"seed", run.seed}};
    for (const char* key : {"score", "metrics", "selection", "best_step", "steps", "seconds"}) {
      if (run.result.contains(key)) entry[key] = run.result.at(key);
    }
    runs.push_back(std::move(entry));
    scores.push_back(run.result.at("score"));
  }
  nlohmann::json result = {{"name", group.name}, {"runs", runs}, {"mean", nullptr}, {"deviation", nullptr}};
  if (scores.empty()) return result;
  result["mean"] = mean_of(scores);
  result["deviation"] = deviation_of(scores);
  return result;
}

nlohmann::json describe_task(const Study& study, const StudyTask& task, const std::vector<Group>& groups) {
  check_examples(groups);
  const StudySplits splits = splits_of(task);
  nlohmann::json result = {{"name", task.name},
                           {"task", task.task},
                           {"reported", splits.reported},
                           {"selection", splits.hold_out ? "hold-out" : "dev"},
                           {"metric", nullptr},
                           {"examples", nullptr},
                           {"variants", nlohmann::json::array()}};
  const DoneRun* any = nullptr;
  for (const Group& group : groups) {
    if (!group.runs.empty()) any = &group.runs.front();
  }
  if (any != nullptr) {
    result["metric"] = any->result.at("metric");
    result["examples"] = any->labels.size();
  }
  const auto baseline = std::ranges::find(groups, study.baseline, &Group::name);
  std::optional<Comparison> comparison;
  if (any != nullptr && baseline != groups.end()) {
    comparison.emplace(data::find_metric(any->result.at("metric").get<std::string>()), *baseline);
  }
  for (const Group& group : groups) {
    nlohmann::json entry = describe(group);
    if (comparison && group.name != study.baseline) entry["against_baseline"] = comparison->of(group);
    result["variants"].push_back(std::move(entry));
  }
  return result;
}

/// What two objects have in common.
nlohmann::json common_part(const nlohmann::json& first, const nlohmann::json& second) {
  nlohmann::json common = nlohmann::json::object();
  for (const auto& [key, value] : first.items()) {
    if (!second.contains(key)) continue;
    const nlohmann::json& other = second.at(key);
    if (value == other) {
      common[key] = value;
    } else if (value.is_object() && other.is_object()) {
      if (nlohmann::json below = common_part(value, other); !below.empty()) common[key] = std::move(below);
    }
  }
  return common;
}

/// The settings that all students share.
nlohmann::json common_settings(const std::vector<StudyVariant>& variants) {
  nlohmann::json common = to_json(variants.front().config);
  for (const StudyVariant& variant : variants) common = common_part(common, to_json(variant.config));
  for (const char* key : {"task", "data", "output", "teacher", "seed"}) common.erase(key);
  return common;
}

}  // namespace

nlohmann::json study_results(const Study& study) {
  const std::vector<StudyRun> runs = runs_of(study);
  std::map<std::string, std::vector<Group>> groups;
  for (const StudyTask& task : study.tasks) {
    groups[task.name].push_back({.name = kTeacherName, .runs = {}});
    for (const StudyVariant& variant : study.variants)
      groups[task.name].push_back({.name = variant.name, .runs = {}});
  }
  std::size_t done = 0;
  for (const StudyRun& run : runs) {
    std::optional<nlohmann::json> record = read_record(study, run);
    if (!record || !record->contains("result")) continue;
    std::vector<Group>& of_task = groups.at(run.task.name);
    const auto group =
        std::ranges::find(of_task, run.is_teacher() ? kTeacherName : run.variant->name, &Group::name);
    group->runs.push_back(read_done(run, *std::move(record)));
    ++done;
  }

  nlohmann::json variants = nlohmann::json::array();
  for (const StudyVariant& variant : study.variants) {
    nlohmann::json options = nlohmann::json::object();
    for (const auto& [option, value] : variant.settings) options[option] = value;
    variants.push_back({{"name", variant.name}, {"options", std::move(options)}});
  }
  nlohmann::json tasks = nlohmann::json::array();
  for (const StudyTask& task : study.tasks) tasks.push_back(describe_task(study, task, groups.at(task.name)));
  return {{"baseline", study.baseline.empty() ? nlohmann::json() : nlohmann::json(study.baseline)},
          {"seeds", study.seeds},
          {"runs", {{"planned", runs.size()}, {"done", done}}},
          {"students", common_settings(study.variants)},
          {"variants", variants},
          {"tasks", tasks}};
}

}  // namespace kdqat::study
