#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

namespace kdqat::cli {

struct ProgressOptions {
  std::string title;
  std::int64_t total = 0;  ///< steps of the whole work; 0: unknown, then no share and no remaining time
  std::int64_t done = 0;   ///< steps that an earlier, interrupted run has done
  bool terminal = false;   ///< whether the stream is a terminal, where a line can be redrawn
  double line_interval_seconds = 10;  ///< least time between two plain lines, where the stream is no terminal
  int columns = 0;                    ///< width of the terminal; 0: asks the terminal of standard error
  std::function<double()>
      clock;  ///< seconds from any fixed moment, never going back; unset: the steady clock
};

/// Shows the progress of long work to a user:
///
///   Progress progress(std::cerr, {.title = "distil", .total = 750, .terminal = true});
///   progress.update(390, "loss 1.234");
///   progress.finish("loss 0.987");
///
/// On a terminal one line is redrawn in place, at most ten times a second, and cut to the terminal's width:
///   distil  [=======>      ]  52 %  390/750  loss 1.234  5,120 tokens/s  1:02 elapsed, 0:57 left
/// Elsewhere a line without the bar is written from time to time and at the end.
///
/// The remaining time follows the rate of the last minute. If the stream fails, such as a closed pipe, the
/// display ends and the work goes on: nothing here throws. Use it from one thread at a time.
class Progress {
 public:
  Progress(std::ostream& stream, ProgressOptions options);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Moves the terminal's cursor to a new line if the work ended before `finish`.
  ~Progress();

  /// `done`: steps done in all, those of an earlier run included. `status`: one short line of text.
  void update(std::int64_t done, std::string_view status);

  /// Writes a line at once, above the bar if there is one.
  void message(std::string_view line);

  /// Writes the last state with this status. Nothing is written afterwards.
  void finish(std::string_view status);

 private:
  struct Sample {
    double seconds;
    std::int64_t done;
  };

  void draw();
  void end_line();
  void write(std::string_view text);
  void record(double now);
  std::string terminal_line() const;
  std::string plain_line() const;
  std::string count() const;
  std::string times() const;
  double seconds_left() const;

  std::ostream& stream_;
  ProgressOptions options_;
  double start_;
  double now_;
  double last_drawn_;
  std::int64_t done_;
  std::string status_;
  std::deque<Sample> samples_;  ///< of the last minute, the oldest first; never empty
  bool line_open_ = false;
  bool finished_ = false;
};

}  // namespace kdqat::cli
