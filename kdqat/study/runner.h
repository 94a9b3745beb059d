#pragma once

#include <functional>
#include <string>

#include "kdqat/study/study.h"
#include "kdqat/train/training_loop.h"

namespace kdqat::study {

/// A training that is ready to go: calls it with the callbacks of its display.
using Training = std::function<train::TrainingResult(const train::TrainingCallbacks&)>;

/// What a study needs of its surroundings.
struct StudyCallbacks {
  /// Runs a training under the title of a run, shows how far it is, and gives what it came to.
  std::function<train::TrainingResult(const std::string& title, const train::TrainingConfig& config,
                                      const Training& training)>
      train;
  std::function<void(const std::string&)> on_message;  ///< one line for a person
  std::function<bool()> stop_requested;                ///< asked while waiting for other processes
};

/// Trains every run that is not done and keeps its best model's answers on the reported split.
///
/// Several processes may do this with the same study at once: each takes runs that no other has, and waits at
/// the end for those that others have, to take them over if their process ends. Whatever is broken off goes
/// on from its last checkpoint.
///
/// A run whose loss leaves the finite numbers is left out, and its students with it; when all others are
/// done, NumericError names those that were. Throws besides as read_record, train::run_finetune and
/// run_distill do, and Interrupted when a training or stop_requested said so. `check` has passed.
void run_study(const Study& study, const StudyCallbacks& callbacks);

}  // namespace kdqat::study
