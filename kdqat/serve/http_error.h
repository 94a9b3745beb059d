#pragma once

#include <string>

#include "kdqat/base/error.h"

namespace kdqat::serve {

/// A request that is answered with a status of 400 or more, and with this message.
class HttpError : public base::Error {
 public:
  HttpError(int status, const std::string& message) : Error(message), status_(status) {}

  int status() const { return status_; }

 private:
  int status_;
};

}  // namespace kdqat::serve
