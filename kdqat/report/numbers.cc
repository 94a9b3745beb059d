#include "kdqat/report/numbers.h"

#include <array>
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

}  // namespace kdqat::report
