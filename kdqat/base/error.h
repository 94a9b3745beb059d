#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

// Errors of kdqat. The message is one line that says where, what was expected and what was found:
//
//   throw FormatError(concat(path.string(), ": expected 3 columns, found ", count));

namespace kdqat::base {

/// The base of all exceptions of kdqat.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An argument has a value that the function does not accept.
class InvalidArgument : public Error {
 public:
  using Error::Error;
};

/// The content of a file does not follow its format.
class FormatError : public Error {
 public:
  using Error::Error;
};

/// The operating system refused a call: no such file, no permission, a full disk.
class IoError : public Error {
 public:
  using Error::Error;
};

/// A result is not finite, such as a loss that became NaN.
class NumericError : public Error {
 public:
  using Error::Error;
};

/// A user or the system asked to stop (SIGINT, SIGTERM). The work done so far is saved.
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// Joins its arguments with operator<<: concat("expected ", 3, ", found ", 4) is "expected 3, found 4".
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return std::move(stream).str();
}

}  // namespace kdqat::base
