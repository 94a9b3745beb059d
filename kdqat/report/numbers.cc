#include "kdqat/report/numbers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "kdqat/base/error.h"

namespace kdqat::report {

std::string with_thousands(std::int64_t number) {
  std::string text = std::to_string(number);
  const std::size_t first_digit = number < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > first_digit + 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string fixed(double number, int decimals) {
  std::array<char, 512> text{};  // the greatest double has 309 digits before the point
  std::snprintf(text.data(), text.size(), "%.*f", decimals, number);
  return text.data();
}

std::string significant(double number, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*g", digits, number);
  return text.data();
}

double drawn_value(double number) { return std::strtod(significant(number, 6).c_str(), nullptr); }

std::string byte_size(std::int64_t bytes) {
  if (bytes < 1024) return base::concat(bytes, " B");
  double size = static_cast<double>(bytes) / 1024.0;
  const char* unit = "KiB";
  for (const char* larger : {"MiB", "GiB"}) {
    if (size < 1024.0) break;
    size /= 1024.0;
    unit = larger;
  }
  return base::concat(fixed(size, size < 10.0 ? 1 : 0), ' ', unit);
}

std::string format_duration(double seconds) {
  // A hundred years: from there on the number says nothing, and it stays within the integers.
  constexpr double kMost = 100.0 * 365.0 * 24.0 * 3600.0;
  const auto whole = std::isfinite(seconds) ? static_cast<std::int64_t>(std::clamp(seconds, 0.0, kMost)) : 0;
  const int minutes = static_cast<int>(whole / 60 % 60);
  char text[32];
  if (whole < 3600) {
    std::snprintf(text, sizeof(text), "%d:%02d", minutes, static_cast<int>(whole % 60));
  } else {
    std::snprintf(text, sizeof(text), "%d:%02d:%02d", static_cast<int>(whole / 3600), minutes,
                  static_cast<int>(whole % 60));
  }
  return text;
}

}  // namespace kdqat::report
