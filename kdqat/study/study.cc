#include "kdqat/study/study.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "kdqat/base/error.h"
#include "kdqat/data/example_reader.h"
#include "kdqat/data/model_task.h"
#include "kdqat/distill/objective.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/format/model_directory.h"

namespace kdqat::study {
namespace {

bool is_folder_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,=+-_";
  return !name.empty() && name != "." && name != ".." && name.find_first_not_of(kAllowed) == name.npos;
}

template <typename Named>
void check_names(const std::vector<Named>& items, std::string_view what) {
  if (items.empty()) throw base::InvalidArgument(base::concat(what, ": expected at least one, found none"));
  std::set<std::string> seen;
  for (const Named& item : items) {
    if (!is_folder_name(item.name) || item.name == kTeacherName) {
      throw base::InvalidArgument(base::concat(what,
                                               ": expected a name of letters, digits and .,=+-_ other than '",
                                               kTeacherName, "', found '", item.name, "'"));
    }
    if (!seen.insert(item.name).second) {
      throw base::InvalidArgument(
          base::concat(what, ": expected different names, found '", item.name, "' twice"));
    }
  }
}

void check_seeds(const std::vector<std::uint64_t>& seeds) {
  if (seeds.empty()) throw base::InvalidArgument("seeds: expected at least one, found none");
  std::set<std::uint64_t> seen;
  for (const std::uint64_t seed : seeds) {
    if (!seen.insert(seed).second) {
      throw base::InvalidArgument(base::concat("seeds: expected different ones, found ", seed, " twice"));
    }
  }
}

const std::filesystem::path& encoder_dir(const StudyTask& task) {
  if (task.model_dir.empty() == task.teacher_dir.empty()) {
    throw base::InvalidArgument(base::concat("task ", task.name,
                                             ": expected an encoder or a ready teacher, found ",
                                             task.model_dir.empty() ? "neither" : "both"));
  }
  return task.model_dir.empty() ? task.teacher_dir : task.model_dir;
}

void check_task(const StudyTask& task, const std::vector<StudyVariant>& variants) {
  const encoder::EncoderConfig encoder = encoder::read_encoder_config(format::find_config(encoder_dir(task)));
  for (const StudyVariant& variant : variants) {
    try {
      distill::check(variant.config.objective, encoder.num_hidden_layers);
    } catch (const base::InvalidArgument& error) {
      throw base::InvalidArgument(
          base::concat("task ", task.name, ", variant ", variant.name, ": ", error.what()));
    }
  }
  const data::Task resolved = data::resolve_task(task.task, task.custom, encoder, task.data_dir);
  for (const char* split : {"train", "dev"}) data::split_file(resolved, task.data_dir, split);
}

/// What all runs of a task share with each other.
void set_run(const StudyRun& run, train::TrainingConfig& config) {
  config.task = run.task.task;
  config.custom = run.task.custom;
  config.data_dir = run.task.data_dir;
  config.output_dir = run.dir;
  config.seed = run.seed;
  config.hold_out = splits_of(run.task).hold_out;
  config.resume = true;
}

}  // namespace

std::vector<StudyRun> runs_of(const Study& study) {
  std::vector<StudyRun> runs;
  for (const StudyTask& task : study.tasks) {
    for (const std::uint64_t seed : study.seeds) {
      const auto make = [&](const StudyVariant* variant) {
        const std::string name =
            base::concat(task.name, '/', variant == nullptr ? kTeacherName : variant->name, '/', seed);
        return StudyRun{.task = task,
                        .variant = variant,
                        .seed = seed,
                        .name = name,
                        .dir = study.output_dir / name,
                        .teacher_dir = task.teacher_dir};
      };
      const StudyRun teacher = make(nullptr);
      if (teacher.is_trained() || seed == study.seeds.front()) runs.push_back(teacher);
      for (const StudyVariant& variant : study.variants) {
        StudyRun student = make(&variant);
        student.teacher_dir = teacher.model_dir();
        runs.push_back(std::move(student));
      }
    }
  }
  return runs;
}

StudySplits splits_of(const StudyTask& task) {
  // The names of a task's files do not depend on its labels.
  const data::Task known = task.task == data::kCustomTask ? data::make_custom_task({.regression = true})
                                                          : data::find_task(task.task);
  if (data::has_split(known, task.data_dir, "test")) return {.hold_out = false, .reported = "test"};
  return {.hold_out = true, .reported = "dev"};
}

train::FinetuneConfig teacher_config(const Study& study, const StudyRun& run) {
  train::FinetuneConfig config{.model_dir = run.task.model_dir, .training = study.teacher};
  set_run(run, config.training);
  return config;
}

train::DistillConfig student_config(const StudyRun& run) {
  train::DistillConfig config = run.variant->config;
  config.teacher_dir = run.teacher_dir;
  set_run(run, config.training);
  return config;
}

void check(const Study& study) {
  check_names(study.tasks, "tasks");
  check_names(study.variants, "variants");
  check_seeds(study.seeds);
  const auto is_baseline = [&](const StudyVariant& variant) { return variant.name == study.baseline; };
  if (!study.baseline.empty() && std::ranges::none_of(study.variants, is_baseline)) {
    std::string names;
    for (const StudyVariant& variant : study.variants)
      names += base::concat(names.empty() ? "" : ", ", variant.name);
    throw base::InvalidArgument(
        base::concat("baseline: expected one of the variants ", names, ", found '", study.baseline, "'"));
  }
  for (const StudyTask& task : study.tasks) check_task(task, study.variants);
}

}  // namespace kdqat::study
