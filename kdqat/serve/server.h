#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kdqat/runtime/engine.h"
#include "kdqat/serve/batcher.h"

// Packed models over HTTP:
//
//   Server server({{.name = "student", .path = "student.packed.safetensors"}}, {}, {.port = 8080});
//   server.run();  // until another thread calls server.stop()

namespace kdqat::serve {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;        ///< 0: any free one
  int connections = 128;  ///< clients served at a time; others wait to be accepted
  std::int64_t max_body_bytes = 1 << 20;
  std::int64_t max_texts = 256;                      ///< of a request
  std::int64_t max_tokens = 16384;                   ///< of a request, after its texts are cut
  std::chrono::milliseconds request_timeout{10000};  ///< for a client to send a request
  BatcherOptions batcher = {};                       ///< of each model
};

/// A packed model and its name in requests.
struct NamedModel {
  std::string name;
  std::filesystem::path path;
};

/// Serves packed models over HTTP/1.1 and JSON: POST /v1/classify and /v1/embed, GET /v1/models, /healthz,
/// /metrics and a page at /. docs/server.md specifies them.
class Server {
 public:
  /// Loads the models and binds the port. Throws as runtime::Engine does, InvalidArgument for no model or two
  /// models of one name, IoError for an address that can't be bound.
  Server(const std::vector<NamedModel>& models, const runtime::EngineOptions& engine,
         const ServerOptions& options);
  ~Server();

  int port() const;

  /// Serves until stop() is called, then answers the requests that have arrived. Throws IoError if the socket
  /// fails.
  void run();

  /// Makes run() return. Call it from any thread, at any time.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kdqat::serve
