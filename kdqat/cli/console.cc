#include "kdqat/cli/console.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "kdqat/base/error.h"

namespace kdqat::cli {
namespace {

std::atomic<bool> stop_asked{false};

void on_signal(int /*signal*/) { stop_asked = true; }

std::string status_of(const train::TrainingCallbacks::Step& step) {
  std::ostringstream text;
  text << "loss " << std::fixed << std::setprecision(4) << step.loss << "  lr " << std::scientific
       << std::setprecision(1) << step.learning_rate << "  " << std::fixed << std::setprecision(0)
       << step.tokens_per_second << " tokens/s";
  return text.str();
}

}  // namespace

void print_json(const nlohmann::json& document, int indent) {
  std::cout << document.dump(indent, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace)
            << '\n';
  if (!std::cout.flush()) throw base::IoError("standard output: can't write");
}

void print_message(const std::string& line) { std::cerr << line << std::endl; }

void catch_interrupts() {
  struct sigaction handler {};
  handler.sa_handler = on_signal;
  handler.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&handler.sa_mask);
  sigaction(SIGINT, &handler, nullptr);
  sigaction(SIGTERM, &handler, nullptr);
}

bool interrupted() { return stop_asked; }

WorkDisplay::WorkDisplay(std::string title, std::int64_t total)
    : progress_(
          std::cerr,
          {.title = std::move(title), .total = total, .terminal = isatty(STDERR_FILENO) == 1, .clock = {}}) {}

train::TrainingCallbacks TrainingConsole::callbacks() {
  return {.on_step = [this](const train::TrainingCallbacks::Step& step) { show(step); },
          .on_message =
              [this](const std::string& line) {
                if (progress_) {
                  progress_->message(line);
                } else {
                  print_message(line);
                }
              },
          .stop_requested = interrupted};
}

void TrainingConsole::show(const train::TrainingCallbacks::Step& step) {
  if (!progress_) {
    progress_ = std::make_unique<Progress>(std::cerr, ProgressOptions{.title = title_,
                                                                      .total = step.total,
                                                                      .done = step.step - 1,
                                                                      .terminal = isatty(STDERR_FILENO) == 1,
                                                                      .clock = {}});
  }
  status_ = status_of(step);
  progress_->update(step.step, status_);
}

void TrainingConsole::finish(const train::TrainingResult& result, const std::string& directory) {
  if (progress_) progress_->finish(status_);
  print_message(base::concat("best ", result.metric, " ", nlohmann::json(result.best_score).dump(),
                             " after step ", result.best_step, " of ", result.steps, ", last ",
                             nlohmann::json(result.last_score).dump()));
  print_message(base::concat("written: ", directory, " (best model, last/, metrics.jsonl, report.html)"));
}

}  // namespace kdqat::cli
