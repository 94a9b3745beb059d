#pragma once

#include <string>

#include "kdqat/base/error.h"

// A refused request:
//
//   throw HttpError(413, "texts: expected at most 256, found 300");

namespace kdqat::serve {

/// Answers the request with this status, 400 or more, and this message.
class HttpError : public base::Error {
 public:
  HttpError(int status, const std::string& message) : Error(message), status_(status) {}

  int status() const { return status_; }

 private:
  int status_;
};

}  // namespace kdqat::serve
