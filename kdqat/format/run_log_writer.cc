#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kdqat/base/error.h"
#include "kdqat/format/run_log.h"

namespace kdqat::format {
namespace {

[[noreturn]] void fail_to(const char* what, const std::filesystem::path& path, int error) {
  throw base::IoError(base::concat(path.string(), ": can't ", what, ": ", std::strerror(error)));
}

}  // namespace

RunLogWriter::RunLogWriter(const std::filesystem::path& path, std::int64_t size) : path_(path), size_(size) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_to("open", path_, errno);
  if (::ftruncate(descriptor_, size) != 0 || ::lseek(descriptor_, size, SEEK_SET) < 0) {
    const int error = errno;
    ::close(descriptor_);
    fail_to("cut to size", path_, error);
  }
}

RunLogWriter::~RunLogWriter() { ::close(descriptor_); }

void RunLogWriter::write(const nlohmann::json& record) {
  const std::string line = record.dump() + "\n";
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t written = ::write(descriptor_, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      // No half line stays: the file ends with the last whole record.
      if (::ftruncate(descriptor_, size_) != 0) fail_to("cut to size", path_, errno);
      fail_to("write", path_, error);
    }
    done += static_cast<std::size_t>(written);
  }
  size_ += static_cast<std::int64_t>(line.size());
}

std::int64_t RunLogWriter::sync() {
  if (::fsync(descriptor_) != 0) fail_to("sync", path_, errno);
  return size_;
}

}  // namespace kdqat::format
