#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "kdqat/cli/progress.h"
#include "kdqat/train/training_loop.h"

namespace kdqat::cli {

/// One JSON document or line on standard output. Throws IoError if it can't be written.
void print_json(const nlohmann::json& document, int indent = -1);

/// One line on standard error.
void print_message(const std::string& line);

/// Catches SIGINT and SIGTERM from here on, once; a second one ends the program at once.
void catch_interrupts();
bool interrupted();

/// Shows on standard error how far other work has come.
class WorkDisplay {
 public:
  WorkDisplay(std::string title, std::int64_t total);
  void update(std::int64_t done) { progress_.update(done, ""); }
  void finish() { progress_.finish(""); }

 private:
  Progress progress_;
};

/// Shows a training run on standard error.
class TrainingConsole {
 public:
  explicit TrainingConsole(std::string title) : title_(std::move(title)) {}

  /// Functions that refer to this object.
  train::TrainingCallbacks callbacks();

  /// Ends the display and says what the run came to.
  void finish(const train::TrainingResult& result, const std::string& directory);

 private:
  void show(const train::TrainingCallbacks::Step& step);

  std::string title_;
  std::unique_ptr<Progress> progress_;
  std::string status_;
};

}  // namespace kdqat::cli
