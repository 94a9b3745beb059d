#include "kdqat/cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <ostream>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/report/numbers.h"

namespace kdqat::cli {
namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr double kRateWindowSeconds = 60.0;
constexpr double kSampleSeconds = 1.0;  // so that the window never holds more than about 60 samples
constexpr std::size_t kLeastBarWidth = 10;
constexpr std::size_t kMostBarWidth = 40;
constexpr std::size_t kUsualColumns = 80;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::size_t terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualColumns;
  return size.ws_col;
}

bool starts_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), starts_character));
}

std::string_view first_characters(std::string_view utf8, std::size_t limit) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    if (starts_character(utf8[i]) && seen++ == limit) return utf8.substr(0, i);
  }
  return utf8;
}

std::string bar(double share, std::size_t width) {
  const std::size_t filled = static_cast<std::size_t>(share * static_cast<double>(width));
  std::string cells(filled, '=');
  if (filled < width) cells += '>';
  cells.resize(width, ' ');
  return base::concat('[', cells, ']');
}

}  // namespace

Progress::Progress(std::ostream& stream, ProgressOptions options)
    : stream_(stream), options_(std::move(options)), done_(options_.done) {
  if (!options_.clock) options_.clock = steady_seconds;
  start_ = now_ = options_.clock();
  last_drawn_ = -std::numeric_limits<double>::infinity();
  samples_.push_back({start_, done_});
}

Progress::~Progress() { end_line(); }

void Progress::update(std::int64_t done, std::string_view status) {
  if (finished_) return;
  now_ = options_.clock();
  done_ = done;
  record(now_);
  if (now_ - last_drawn_ < (options_.terminal ? kRedrawSeconds : options_.line_interval_seconds)) return;
  status_ = status;
  draw();
}

void Progress::message(std::string_view line) {
  const bool redraw = line_open_;
  write(base::concat(redraw ? "\r\x1b[K" : "", line, '\n'));
  line_open_ = false;
  if (redraw) draw();
}

void Progress::finish(std::string_view status) {
  if (finished_) return;
  now_ = options_.clock();
  status_ = status;
  finished_ = true;
  draw();
  end_line();
}

void Progress::draw() {
  last_drawn_ = now_;
  if (options_.terminal) {
    write(base::concat('\r', terminal_line(), "\x1b[K"));
    line_open_ = true;
  } else {
    write(plain_line() + '\n');
  }
}

void Progress::end_line() {
  if (line_open_) write("\n");
  line_open_ = false;
}

void Progress::write(std::string_view text) {
  try {
    stream_ << text << std::flush;
  } catch (const std::ios_base::failure&) {
    // The stream was told to throw; its own state keeps the failure for whoever asks.
  }
}

void Progress::record(double now) {
  if (now - samples_.back().seconds >= kSampleSeconds) samples_.push_back({now, done_});
  while (samples_.size() > 2 && now - samples_[1].seconds >= kRateWindowSeconds) samples_.pop_front();
}

double Progress::seconds_left() const {
  const double steps = static_cast<double>(done_ - samples_.front().done);
  if (options_.total <= 0 || steps <= 0) return std::numeric_limits<double>::quiet_NaN();
  const double seconds_per_step = (now_ - samples_.front().seconds) / steps;
  return static_cast<double>(std::max<std::int64_t>(options_.total - done_, 0)) * seconds_per_step;
}

std::string Progress::count() const {
  return options_.total > 0 ? base::concat(done_, '/', options_.total) : std::to_string(done_);
}

std::string Progress::times() const {
  const double left = seconds_left();
  const std::string elapsed = report::format_duration(now_ - start_) + " elapsed";
  return finished_ || std::isnan(left) ? elapsed
                                       : base::concat(elapsed, ", ", report::format_duration(left), " left");
}

std::string Progress::plain_line() const {
  std::string line = base::concat(options_.title, "  ", count());
  if (options_.total > 0) line += base::concat(" (", 100 * done_ / options_.total, " %)");
  if (!status_.empty()) line += "  " + status_;
  return base::concat(line, "  ", times());
}

std::string Progress::terminal_line() const {
  // One column stays free: a character in the last one makes some terminals go on to the next line.
  const std::size_t columns =
      options_.columns > 0 ? static_cast<std::size_t>(options_.columns) : terminal_columns();
  const std::size_t room = columns > 0 ? columns - 1 : 0;

  std::string after = "  " + count();
  const std::string end = "  " + times();
  double share = 0.0;
  if (options_.total > 0) {
    share = std::clamp(static_cast<double>(done_) / static_cast<double>(options_.total), 0.0, 1.0);
    after = base::concat("  ", static_cast<int>(100.0 * share), " %", after);
  }

  const auto left_of = [&](std::size_t used) { return room > used ? room - used : 0; };
  const std::size_t fixed = characters(options_.title) + characters(after) + characters(end);
  const std::string_view status = first_characters(status_, left_of(fixed + 2));
  const std::size_t with_status = fixed + (status.empty() ? 0 : 2 + characters(status));
  constexpr std::size_t kBarFrame = 4;  // two spaces and two brackets
  const std::size_t bar_room = left_of(with_status + kBarFrame);

  std::string line = options_.title;
  if (options_.total > 0 && bar_room >= kLeastBarWidth)
    line += "  " + bar(share, std::min(bar_room, kMostBarWidth));
  line += after;
  if (!status.empty()) line += base::concat("  ", status);
  line += end;
  return std::string(first_characters(line, room));
}

}  // namespace kdqat::cli
