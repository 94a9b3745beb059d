#pragma once

#include <cstdint>
#include <string>

namespace kdqat::report {

/// "22,713,986"
std::string with_thousands(std::int64_t number);

/// With so many digits after the point: "0.8690". As printf's %f.
std::string fixed(double number, int decimals);

/// At most `digits` significant digits, without trailing zeros: "0.869", "1e-05". As printf's %g.
std::string significant(double number, int digits);

/// A number as a chart takes it: six digits are more than it or its tooltip shows, and a third of what a
/// double takes in a file.
double drawn_value(double number);

/// A number of bytes for a person, in powers of 1024: "512 B", "1.7 GiB", "12 GiB".
std::string byte_size(std::int64_t bytes);

/// A duration as a clock shows it: "0:05", "12:34", "1:02:03". Fractions of a second are dropped; what is
/// negative or not finite gives "0:00".
std::string format_duration(double seconds);

}  // namespace kdqat::report
