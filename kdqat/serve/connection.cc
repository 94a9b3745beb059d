#include "kdqat/serve/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace kdqat::serve {
namespace {

/// How long a client's last bytes are read and dropped, at most.
constexpr std::chrono::milliseconds kLinger{200};

/// get_name: getpeername or getsockname.
template <typename GetName>
void describe(socket_t socket, const GetName& get_name, std::string& address, int& port) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (get_name(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    port = ntohs(v6->sin6_port);
  } else {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    port = ntohs(v4->sin_port);
  }
  address = text.data();
}

}  // namespace

Connection::Connection(socket_t socket, const ClientTimeouts& timeouts)
    : socket_(socket), timeouts_(timeouts) {}

Connection::~Connection() {
  // Closed with bytes unread, a socket takes back what the client has not read of the last response.
  ::shutdown(socket_, SHUT_WR);
  const Clock::time_point until = Clock::now() + kLinger;
  while (Clock::now() < until && wait(kRead, until)) {
    if (::recv(socket_, buffer_.data(), buffer_.size(), 0) <= 0) break;
  }
  ::close(socket_);
}

bool Connection::wait(Direction direction, Clock::time_point until) const {
  pollfd entry{
      .fd = socket_, .events = static_cast<short>(direction == kRead ? POLLIN : POLLOUT), .revents = 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(0, left)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool Connection::is_readable() const { return first_ < last_ || wait(kRead, request_until_); }
bool Connection::is_writable() const { return wait(kWrite, Clock::now() + timeouts_.response); }

ssize_t Connection::read(char* bytes, size_t count) {
  if (first_ == last_) {
    if (Clock::now() >= request_until_ || !wait(kRead, request_until_)) {
      timed_out_ = true;
      return -1;
    }
    const ssize_t received = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
    if (received <= 0) return received;
    first_ = 0;
    last_ = static_cast<std::size_t>(received);
  }
  const std::size_t taken = std::min(count, last_ - first_);
  std::memcpy(bytes, buffer_.data() + first_, taken);
  first_ += taken;
  return static_cast<ssize_t>(taken);
}

ssize_t Connection::write(const char* bytes, size_t count) {
  if (!is_writable()) return -1;
  return ::send(socket_, bytes, count, MSG_NOSIGNAL);
}

void Connection::get_remote_ip_and_port(std::string& address, int& port) const {
  describe(socket_, ::getpeername, address, port);
}

void Connection::get_local_ip_and_port(std::string& address, int& port) const {
  describe(socket_, ::getsockname, address, port);
}

}  // namespace kdqat::serve
