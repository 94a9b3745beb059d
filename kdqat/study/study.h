#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kdqat/train/training_config.h"

namespace kdqat::study {

/// A task of a study, and where its teachers come from: an encoder that the study fine-tunes once a seed, or
/// one ready teacher for all seeds.
struct StudyTask {
  std::string name;  ///< of folders and tables
  std::string task;  ///< of data::task_names(), or "custom"
  std::filesystem::path data_dir;
  std::optional<data::CustomTaskOptions> custom = std::nullopt;
  std::filesystem::path model_dir = {};    ///< the encoder; empty where the teacher is ready
  std::filesystem::path teacher_dir = {};  ///< the ready teacher; empty where there is an encoder
};

/// One way to distil.
struct StudyVariant {
  std::string name;  ///< of folders and tables
  std::vector<std::pair<std::string, std::string>>
      settings;                 ///< options and values that tell it from the others
  train::DistillConfig config;  ///< everything but task, data, teacher, output and seed
};

/// A matrix of runs: every task with every variant and every seed.
struct Study {
  std::vector<StudyTask> tasks;
  std::vector<StudyVariant> variants;
  std::vector<std::uint64_t> seeds = {42};
  std::string baseline;  ///< the variant that the others are compared with; empty for none
  train::TrainingConfig
      teacher;  ///< of the teachers that are fine-tuned: everything but task, data, output and seed
  std::filesystem::path output_dir;
};

/// The name that teachers have in the place of a variant's.
inline constexpr const char* kTeacherName = "teacher";

/// One run of a study. References are to the study.
struct StudyRun {
  const StudyTask& task;
  const StudyVariant* variant;  ///< nullptr: the teacher
  std::uint64_t seed = 0;
  std::string name;                   ///< "<task>/<variant>/<seed>"
  std::filesystem::path dir;          ///< <output_dir>/<name>, of the training
  std::filesystem::path teacher_dir;  ///< of a student; of a teacher that is ready: itself

  bool is_teacher() const { return variant == nullptr; }
  bool is_trained() const { return !is_teacher() || task.teacher_dir.empty(); }
  const std::filesystem::path& model_dir() const { return is_trained() ? dir : teacher_dir; }
};

/// All runs, a teacher before its students: task by task, seed by seed, variants in their order. A ready
/// teacher is one run, with the first seed. The study must outlive them.
std::vector<StudyRun> runs_of(const Study& study);

/// Which split of a task's data chooses the best model of a run, and which is reported: dev and test where
/// the data has a test split, else a part of the training file that is held out (data/hold_out.h) and dev.
struct StudySplits {
  bool hold_out = true;
  std::string reported = "dev";
};

/// Throws as data::make_custom_task does.
StudySplits splits_of(const StudyTask& task);

/// What a run trains with. `resume` is set.
train::FinetuneConfig teacher_config(const Study& study, const StudyRun& run);
train::DistillConfig student_config(const StudyRun& run);

/// Throws InvalidArgument that says what was expected and found, for: no task, variant or seed, two of one
/// name, a name that is no folder's (letters, digits and ".,=+-_", not "." or ".." or "teacher"), a baseline
/// that is no variant, a task with neither or both of encoder and teacher; what distill::check finds in a
/// variant for an encoder of the study; and as data::resolve_task and split_file do for the data.
void check(const Study& study);

}  // namespace kdqat::study
