#include "kdqat/serve/http_server.h"

#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "kdqat/serve/http_error.h"

namespace kdqat::serve {
namespace {

using base::concat;
using Clock = std::chrono::steady_clock;

/// One request of this thread's client, from its first byte to the response.
struct Exchange {
  Connection* connection = nullptr;
  Clock::time_point arrived;
  bool understood = false;  ///< its line and headers were read
  bool body_left = false;   ///< some of its body was not read
};

thread_local Exchange exchange;

void set_error(httplib::Response& response, int status, const std::string& message) {
  response.status = status;
  const nlohmann::json body = {{"error", {{"status", status}, {"message", message}}}};
  // Messages may quote bytes of the request.
  response.set_content(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n',
                       "application/json");
}

/// Fills `response` with what `answer` gives or throws.
template <typename Produce>
void respond(httplib::Response& response, const std::string& content_type, const Produce& produce) {
  try {
    response.set_content(produce(), content_type);
  } catch (const HttpError& error) {
    set_error(response, error.status(), error.what());
    if (error.status() == 503) response.set_header("Retry-After", "1");
  } catch (const std::exception& error) {
    set_error(response, 500, error.what());
  }
}

std::string message_of(int status) {
  switch (status) {
    case 400:
      return "expected an HTTP/1.1 request";
    case 414:
      return "the address is too long";
    default:
      return "the request can't be answered";
  }
}

}  // namespace

HttpServer::HttpServer(const HttpLimits& limits) : limits_(limits) {
  new_task_queue = [connections = limits.connections] {
    return new httplib::ThreadPool(static_cast<std::size_t>(connections));
  };
  // Without SO_REUSEPORT, with which two servers would share a port unnoticed.
  set_socket_options([](socket_t socket) {
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  // What responses say; process_and_close_socket sees to it.
  set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(limits.timeouts.idle).count());
  set_keep_alive_max_count(1000000);
  // Small answers must not wait for more to send.
  set_tcp_nodelay(true);
  set_payload_max_length(static_cast<std::size_t>(limits.max_body_bytes));
  set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    return before_routing(request, response);
  });
  set_error_handler(
      Handler([this](const httplib::Request&, httplib::Response& response) { complete_error(response); }));
  // Not the logger, which comes after the response is sent: who has it must find it counted.
  set_post_routing_handler([this](const httplib::Request& request, const httplib::Response& response) {
    if (!observer_) return;
    const std::chrono::duration<double> seconds = Clock::now() - exchange.arrived;
    observer_(methods_.contains(request.path) ? request.path : "other", response.status, seconds.count());
  });
}

int HttpServer::bind(const std::string& host, int port) {
  const int bound = port == 0 ? bind_to_any_port(host) : bind_to_port(host, port) ? port : -1;
  if (bound < 0) throw base::IoError(concat(host, ": port ", port, ": can't bind it; is it taken?"));
  // httplib lets 5 clients wait to be accepted: of more that come at once, some would have to try again a
  // second later.
  if (::listen(svr_sock_, limits_.connections) != 0)
    throw base::IoError(concat(host, ": port ", bound, ": can't listen"));
  return bound;
}

void HttpServer::post(const std::string& path, Answer answer) {
  methods_[path] = "POST";
  Post(path, HandlerWithContentReader([this, answer = std::move(answer)](
                                          const httplib::Request& request, httplib::Response& response,
                                          const httplib::ContentReader& reader) {
         respond(response, "application/json", [&] {
           const std::string body = read_body(request, reader);
           exchange.arrived = Clock::now();
           return answer(body);
         });
       }));
}

void HttpServer::get(const std::string& path, const std::string& content_type, Answer answer) {
  methods_[path] = "GET, HEAD";
  Get(path, [content_type, answer = std::move(answer)](const httplib::Request&, httplib::Response& response) {
    respond(response, content_type, [&] { return answer({}); });
  });
}

HttpServer::HandlerResponse HttpServer::before_routing(const httplib::Request& request,
                                                       httplib::Response& response) const {
  exchange.understood = true;
  const auto length = request.get_header_value<std::uint64_t>("Content-Length");
  if (std::cmp_greater(length, limits_.max_body_bytes)) {
    exchange.body_left = true;
    set_error(response, 413,
              concat("body: expected at most ", limits_.max_body_bytes, " bytes, found ", length));
    return HandlerResponse::Handled;
  }
  const auto methods = methods_.find(request.path);
  const bool allowed = methods == methods_.end() || methods->second.find(request.method) != std::string::npos;
  if (!allowed) {
    exchange.body_left = length > 0 || request.has_header("Transfer-Encoding");
    set_error(response, 405,
              concat(request.path, ": expected ", methods->second, ", found ", request.method));
    response.set_header("Allow", methods->second);
    return HandlerResponse::Handled;
  }
  return HandlerResponse::Unhandled;
}

/// Of what httplib itself refuses: the body that its own errors lack.
void HttpServer::complete_error(httplib::Response& response) const {
  if (!response.body.empty()) return;
  if (exchange.connection->timed_out()) {
    set_error(response, 408, "the request took too long");
  } else if (response.status == 404) {
    std::string paths;
    for (const auto& [path, methods] : methods_) paths += (paths.empty() ? "" : ", ") + path;
    set_error(response, 404, "no such path: there are " + paths);
  } else {
    set_error(response, response.status, message_of(response.status));
  }
}

std::string HttpServer::read_body(const httplib::Request& request,
                                  const httplib::ContentReader& reader) const {
  exchange.body_left = true;
  if (request.is_multipart_form_data())
    throw HttpError(415, "body: expected JSON, found multipart/form-data");
  std::string body;
  bool too_long = false;
  const bool whole = reader([&](const char* bytes, std::size_t count) {
    too_long = std::cmp_greater(body.size() + count, limits_.max_body_bytes);
    if (!too_long) body.append(bytes, count);
    return !too_long;
  });
  if (too_long) throw HttpError(413, concat("body: expected at most ", limits_.max_body_bytes, " bytes"));
  if (exchange.connection->timed_out()) throw HttpError(408, "body: it took too long");
  if (!whole) throw HttpError(400, "body: it ended too early, or its encoding is not understood");
  exchange.body_left = false;
  return body;
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  Connection connection(socket, limits_.timeouts);
  while (connection.wait_for_request([this] { return stopping_.load(); })) {
    exchange = {.connection = &connection, .arrived = Clock::now(), .understood = false, .body_left = false};
    bool closed = false;
    const bool answered = process_request(connection, stopping_, closed, nullptr);
    if (!answered || closed || !exchange.understood || exchange.body_left || connection.timed_out()) break;
  }
  return true;
}

void HttpServer::serve() {
  // httplib's own stop() does nothing before it listens.
  std::thread stopper([this] {
    stopping_.wait(false);
    while (!is_running() && svr_sock_ != INVALID_SOCKET)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stop();
  });
  const bool served = listen_after_bind();
  const bool asked = stopping_.exchange(true);
  stopping_.notify_all();
  stopper.join();
  if (!served && !asked) throw base::IoError("the socket that listens has failed");
}

void HttpServer::stop_serving() {
  stopping_ = true;
  stopping_.notify_all();
}

}  // namespace kdqat::serve
