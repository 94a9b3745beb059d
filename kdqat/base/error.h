#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace kdqat::base {

/// What every exception of kdqat derives from. The message is one line for a person: where, what was
/// expected, what was found.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A caller's value is outside of what the function takes.
class InvalidArgument : public Error {
 public:
  using Error::Error;
};

/// The bytes of a file are not what its format allows.
class FormatError : public Error {
 public:
  using Error::Error;
};

/// The operating system refused: no such file, no permission, a full disk.
class IoError : public Error {
 public:
  using Error::Error;
};

/// A computation left the finite numbers, such as a loss that became NaN.
class NumericError : public Error {
 public:
  using Error::Error;
};

/// A person or the system asked to stop (SIGINT, SIGTERM); what was done so far is saved.
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// The arguments, written one after the other with operator<<: concat("expected ", 3, ", found ", 4).
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return std::move(stream).str();
}

}  // namespace kdqat::base
