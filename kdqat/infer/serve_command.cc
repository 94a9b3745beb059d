#include <csignal>
#include <iostream>
#include <thread>

#include "kdqat/base/error.h"
#include "kdqat/infer/command.h"
#include "kdqat/serve/server.h"

namespace kdqat::infer {
namespace {

struct ServeOptions {
  std::vector<std::string> models;
  runtime::EngineOptions engine;
  serve::ServerOptions server;
  double request_seconds = 10.0;
};

/// NAME=FILE, or FILE, whose name without its endings is the model's.
serve::NamedModel named_model(const std::string& argument) {
  const std::size_t equals = argument.find('=');
  if (equals != std::string::npos && !std::filesystem::exists(argument)) {
    return {.name = argument.substr(0, equals), .path = argument.substr(equals + 1)};
  }
  std::string name = std::filesystem::path(argument).filename();
  for (const std::string_view ending : {".safetensors", ".packed"}) {
    if (name.ends_with(ending) && name.size() > ending.size()) name.resize(name.size() - ending.size());
  }
  return {.name = name, .path = argument};
}

/// Calls `stop` at the first SIGINT or SIGTERM. To be made before other threads are: they must not take the
/// signals themselves.
class StopAtSignal {
 public:
  StopAtSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  StopAtSignal(const StopAtSignal&) = delete;
  StopAtSignal& operator=(const StopAtSignal&) = delete;

  ~StopAtSignal() {
    if (!waiter_.joinable()) return;
    pthread_kill(waiter_.native_handle(), SIGINT);  // ends the wait where no signal has come
    waiter_.join();
  }

  template <typename Stop>
  void start(const Stop& stop) {
    waiter_ = std::thread([this, stop] {
      int signal = 0;
      sigwait(&signals_, &signal);
      stop();
    });
  }

 private:
  sigset_t signals_{};
  std::thread waiter_;
};

void run_serve(const ServeOptions& options) {
  StopAtSignal signals;
  std::vector<serve::NamedModel> models;
  for (const std::string& argument : options.models) models.push_back(named_model(argument));
  serve::ServerOptions settings = options.server;
  settings.request_timeout =
      std::chrono::milliseconds(static_cast<std::int64_t>(1000.0 * options.request_seconds));
  serve::Server server(models, options.engine, settings);
  signals.start([&server] {
    std::cerr << "ending: requests that have arrived are answered first\n";
    server.stop();
  });
  for (const serve::NamedModel& model : models)
    std::cerr << "model " << model.name << ": " << model.path.string() << '\n';
  std::cerr << "http://" << settings.host << ':' << server.port() << "/ (SIGTERM or Ctrl-C ends it)"
            << std::endl;
  server.run();
}

void add_limits(CLI::App& command, serve::ServerOptions& server, double& request_seconds) {
  const auto positive = CLI::Range(std::int64_t{1}, std::int64_t{1} << 40);
  command.add_option("--connections", server.connections, "Clients that are served at a time")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command.add_option("--max-body-bytes", server.max_body_bytes, "Bytes of a request's body")
      ->check(positive)
      ->capture_default_str();
  command.add_option("--max-texts", server.max_texts, "Texts of a request")
      ->check(positive)
      ->capture_default_str();
  command.add_option("--max-tokens", server.max_tokens, "Tokens of a request, after its texts were cut")
      ->check(positive)
      ->capture_default_str();
  command.add_option("--request-timeout", request_seconds, "Seconds in which a client has to send a request")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command
      .add_option("--batch-tokens", server.batcher.batch_tokens,
                  "Tokens of the requests that are answered together")
      ->check(positive)
      ->capture_default_str();
  command
      .add_option("--queue-tokens", server.batcher.queue_tokens,
                  "Tokens of the requests that may wait; beyond, requests are answered with 503")
      ->check(positive)
      ->capture_default_str();
}

}  // namespace

void register_serve(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ServeOptions>();
  CLI::App* command = app.add_subcommand("serve", "Answer over HTTP: JSON, metrics and a page to try it");
  command->add_option("--model", options->models, "Packed model, as FILE or NAME=FILE; several may be given")
      ->required();
  add_engine_options(*command, options->engine);
  command->add_option("--host", options->server.host, "Address to listen at; 0.0.0.0: from every network")
      ->capture_default_str();
  command->add_option("--port", options->server.port, "Port; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  add_limits(*command, options->server, options->request_seconds);
  command->callback([options, &action] { action = [options] { run_serve(*options); }; });
}

}  // namespace kdqat::infer
