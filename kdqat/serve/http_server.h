#pragma once

#include <httplib.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "kdqat/serve/connection.h"

namespace kdqat::serve {

struct HttpLimits {
  int connections = 128;
  std::int64_t max_body_bytes = 1 << 20;
  ClientTimeouts timeouts;
};

/// An httplib server of JSON: what goes wrong is answered as {"error": {"status", "message"}}, and a
/// connection whose rest can't be understood is closed.
class HttpServer : public httplib::Server {
 public:
  using Answer = std::function<std::string(std::string_view body)>;
  using Observer = std::function<void(const std::string& path, int status, double seconds)>;

  explicit HttpServer(const HttpLimits& limits);

  /// Binds the address; the port it got. Throws IoError.
  int bind(const std::string& host, int port);

  /// POST `path` with a body of JSON -> JSON. `answer` may throw HttpError; any other exception is a 500.
  void post(const std::string& path, Answer answer);

  /// GET `path` -> `answer({})` of that type.
  void get(const std::string& path, const std::string& content_type, Answer answer);

  /// Called after each response, with "other" for a path that is not served.
  void observe(Observer observer) { observer_ = std::move(observer); }

  /// Serves until stop_serving(), then finishes the requests that have arrived. Throws IoError.
  void serve();
  void stop_serving();

 private:
  bool process_and_close_socket(socket_t socket) override;
  HandlerResponse before_routing(const httplib::Request& request, httplib::Response& response) const;
  void complete_error(httplib::Response& response) const;
  std::string read_body(const httplib::Request& request, const httplib::ContentReader& reader) const;

  const HttpLimits limits_;
  std::map<std::string, std::string> methods_;  ///< allowed ones, by path
  Observer observer_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace kdqat::serve
