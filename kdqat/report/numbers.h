#pragma once

#include <cstdint>
#include <string>

// Numbers for a reader:
//
//   with_thousands(22713986);  // "22,713,986"
//   fixed(0.869, 4);           // "0.8690"
//   byte_size(1 << 30);        // "1.0 GiB"

namespace kdqat::report {

/// "22,713,986"
std::string with_thousands(std::int64_t number);

/// `decimals` digits after the point, as printf's %f: "0.8690".
std::string fixed(double number, int decimals);

/// At most `digits` significant digits, without trailing zeros, as printf's %g: "0.869", "1e-05".
std::string significant(double number, int digits);

/// Rounds a number for a chart to six digits. That is more than the chart or its tooltip shows, and a third
/// of a double's length in a file.
double drawn_value(double number);

/// A number of bytes in powers of 1024: "512 B", "1.7 GiB", "12 GiB".
std::string byte_size(std::int64_t bytes);

/// A duration as a clock shows it: "0:05", "12:34", "1:02:03". Fractions of a second are dropped; what is
/// negative or not finite gives "0:00".
std::string format_duration(double seconds);

}  // namespace kdqat::report
