#include "kdqat/study/runner.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/base/file_lock.h"
#include "kdqat/evaluate/evaluation.h"
#include "kdqat/evaluate/task_model.h"
#include "kdqat/study/record.h"
#include "kdqat/train/commands.h"
#include "kdqat/train/run_directory.h"

namespace kdqat::study {
namespace {

constexpr std::chrono::milliseconds kPause{200};

/// The best model's answers on the reported split, and how good they are.
nlohmann::json reported_answers(const StudyRun& run) {
  const evaluate::TaskModel model = evaluate::load_task_model({.model_dir = run.model_dir(),
                                                               .task = run.task.task,
                                                               .custom = run.task.custom,
                                                               .training_data = run.task.data_dir});
  const std::string split = splits_of(run.task).reported;
  const data::Dataset dataset = evaluate::load_split(model, run.task.data_dir, split);
  const evaluate::Predictions answers =
      evaluate::predict(model.classifier, dataset, model.settings.precision);
  const evaluate::Evaluation evaluation = evaluate::judge(answers, model.task, dataset);
  return {{"split", split},
          {"metric", evaluation.metric},
          {"score", evaluation.score},
          {"metrics", evaluation.metrics},
          {"labels", dataset.labels},
          {"predictions", answers.predictions}};
}

double seconds_of(const StudyRun& run) {
  const std::optional<format::EndRecord> end = train::RunDirectory(run.dir).end_record();
  double seconds = 0.0;
  if (end) {
    for (const auto& [part, value] : end->seconds) seconds += value;
  }
  return seconds;
}

class StudyLoop {
 public:
  StudyLoop(const Study& study, const StudyCallbacks& callbacks)
      : study_(study), callbacks_(callbacks), runs_(runs_of(study)) {
    for (const StudyRun& run : runs_) {
      // Settings that are no longer those of a run are found before anything is trained.
      if (state_of(study, run) != RunState::kDone) open_.push_back(&run);
    }
  }

  void run() {
    bool told = false;
    while (!open_.empty()) {
      if (pass()) continue;
      if (!told) callbacks_.on_message(base::concat("waiting for other processes: ", open_.size(), " runs"));
      told = true;
      if (callbacks_.stop_requested()) throw base::Interrupted("stopped while waiting for other processes");
      std::this_thread::sleep_for(kPause);
    }
    if (failed_.empty()) return;
    std::string names;
    for (const std::string& name : failed_) names += (names.empty() ? "" : ", ") + name;
    throw base::NumericError(
        base::concat("expected every run to end, found ", failed_.size(), " that did not: ", names));
  }

 private:
  /// Works on every open run that is free; whether any left the list.
  bool pass() {
    bool any = false;
    const std::vector<const StudyRun*> before = open_;
    for (const StudyRun* run : before) {
      if (!attempt(*run)) continue;
      std::erase(open_, run);
      any = true;
    }
    return any;
  }

  /// The training that a student starts from; nullptr where its teacher was ready before the study.
  const StudyRun* open_teacher_of(const StudyRun& run) const {
    if (run.is_teacher()) return nullptr;
    const auto found = std::ranges::find_if(
        open_, [&](const StudyRun* other) { return other->is_trained() && other->dir == run.teacher_dir; });
    return found == open_.end() ? nullptr : *found;
  }

  /// Whether the run is over: done, here or elsewhere, or failed.
  bool attempt(const StudyRun& run) {
    if (failed_teachers_.contains(run.teacher_dir) && !run.is_teacher()) {
      failed_.push_back(run.name);
      return true;
    }
    if (open_teacher_of(run) != nullptr) return false;
    base::create_folder(run.dir.parent_path());
    const std::optional<base::FileLock> lock = base::FileLock::try_acquire(lock_file(run));
    if (!lock) return false;
    if (state_of(study_, run) == RunState::kDone) return true;
    try {
      complete(run);
    } catch (const base::NumericError& error) {
      callbacks_.on_message(base::concat("warning: ", run.name, ": ", error.what()));
      failed_.push_back(run.name);
      if (run.is_teacher()) failed_teachers_.insert(run.dir);
    } catch (const base::Interrupted&) {
      throw base::Interrupted(base::concat("stopped in ", run.name, "; the same command goes on"));
    }
    return true;
  }

  void complete(const StudyRun& run) {
    write_record(study_, run, nullptr);
    if (!run.is_trained()) {
      write_record(study_, run, reported_answers(run));
      return;
    }
    const train::TrainingResult trained = train(run);
    nlohmann::json result = reported_answers(run);
    result["selection"] = {{"split", splits_of(run.task).hold_out ? "hold-out" : "dev"},
                           {"score", trained.best_score}};
    result["best_step"] = trained.best_step;
    result["steps"] = trained.steps;
    result["seconds"] = seconds_of(run);
    write_record(study_, run, result);
  }

  train::TrainingResult train(const StudyRun& run) {
    if (run.is_teacher()) {
      const train::FinetuneConfig config = teacher_config(study_, run);
      return callbacks_.train(run.name, config.training, [&](const train::TrainingCallbacks& callbacks) {
        return train::run_finetune(config, callbacks);
      });
    }
    const train::DistillConfig config = student_config(run);
    return callbacks_.train(run.name, config.training, [&](const train::TrainingCallbacks& callbacks) {
      return train::run_distill(config, callbacks);
    });
  }

  const Study& study_;
  const StudyCallbacks& callbacks_;
  std::vector<StudyRun> runs_;
  std::vector<const StudyRun*> open_;
  std::vector<std::string> failed_;
  std::set<std::filesystem::path> failed_teachers_;
};

}  // namespace

void run_study(const Study& study, const StudyCallbacks& callbacks) { StudyLoop(study, callbacks).run(); }

}  // namespace kdqat::study
