#pragma once

#include <functional>
#include <string>

#include "kdqat/train/training_loop.h"

namespace kdqat::cli {

/// Runs a training with its display on standard error. Whatever its end, the run's directory gets the
/// effective configuration (run.toml, which --config reads) and the page of what was recorded (report.html).
train::TrainingResult run_with_display(
    const std::string& title, const train::TrainingConfig& config,
    const std::function<train::TrainingResult(const train::TrainingCallbacks&)>& run);

}  // namespace kdqat::cli
