#pragma once

#include <httplib.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "kdqat/serve/connection.h"

// A JSON server:
//
//   HttpServer server({.connections = 8});
//   server.post("/v1/classify", [](std::string_view body) { return answer(body); });
//   const int port = server.bind("127.0.0.1", 0);
//   server.serve();  // until another thread calls server.stop_serving()

namespace kdqat::serve {

struct HttpLimits {
  int connections = 128;
  std::int64_t max_body_bytes = 1 << 20;
  ClientTimeouts timeouts;
};

/// An httplib server for JSON. Errors are answered as {"error": {"status", "message"}}. If the rest of a
/// connection can't be parsed, the connection is closed.
class HttpServer : public httplib::Server {
 public:
  using Answer = std::function<std::string(std::string_view body)>;
  using Observer = std::function<void(const std::string& path, int status, double seconds)>;

  explicit HttpServer(const HttpLimits& limits);

  /// Binds the address and returns the port. Port 0 is any free one. Throws IoError.
  int bind(const std::string& host, int port);

  /// Serves POST `path`: `answer` takes the JSON body and returns JSON. It may throw HttpError; any other
  /// exception is answered with 500.
  void post(const std::string& path, Answer answer);

  /// Serves GET `path` with `answer({})`.
  void get(const std::string& path, const std::string& content_type, Answer answer);

  /// `observer` is called after each response; its path is "other" for a path that is not served.
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
  std::map<std::string, std::string> methods_;  ///< allowed methods by path
  Observer observer_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace kdqat::serve
