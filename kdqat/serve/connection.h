#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <string>

// A client's socket in HttpServer:
//
//   Connection connection(socket, timeouts);
//   while (connection.wait_for_request([&] { return stopping; })) answer_one_request(connection);

namespace kdqat::serve {

/// Time limits of a client.
struct ClientTimeouts {
  std::chrono::milliseconds idle{5000};       ///< between two requests of a connection
  std::chrono::milliseconds request{10000};   ///< from a request's first byte to its last
  std::chrono::milliseconds response{10000};  ///< for the client to read a response
};

/// A client's socket, for httplib. A whole request has one deadline. So a client that sends a byte now and
/// then holds a thread no longer than a client that sends nothing.
class Connection : public httplib::Stream {
 public:
  /// Owns the socket: the destructor shuts it down and closes it.
  Connection(socket_t socket, const ClientTimeouts& timeouts);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() override;

  /// Waits for the first byte of a request, and then starts the request's time. False if the client has gone,
  /// the idle time is over, or `stopping()` is true.
  template <typename Stopping>
  bool wait_for_request(const Stopping& stopping) {
    const auto idle_until = Clock::now() + timeouts_.idle;
    // Short waits, so that idle clients do not delay the end of the server.
    while (!stopping() && Clock::now() < idle_until) {
      if (first_ < last_ || wait(kRead, Clock::now() + std::chrono::milliseconds(50))) {
        request_until_ = Clock::now() + timeouts_.request;
        timed_out_ = false;
        return true;
      }
    }
    return false;
  }

  /// Whether the request's time ended before the request was complete.
  bool timed_out() const { return timed_out_; }

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* bytes, size_t count) override;
  ssize_t write(const char* bytes, size_t count) override;
  void get_remote_ip_and_port(std::string& address, int& port) const override;
  void get_local_ip_and_port(std::string& address, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  using Clock = std::chrono::steady_clock;
  enum Direction { kRead, kWrite };

  bool wait(Direction direction, Clock::time_point until) const;

  socket_t socket_;
  const ClientTimeouts timeouts_;
  Clock::time_point request_until_;
  bool timed_out_ = false;
  std::array<char, 4096> buffer_;  ///< httplib reads byte by byte
  std::size_t first_ = 0;          ///< the unread bytes of the buffer are [first_, last_)
  std::size_t last_ = 0;
};

}  // namespace kdqat::serve
