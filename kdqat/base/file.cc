#include "kdqat/base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "kdqat/base/error.h"

namespace kdqat::base {
namespace {

namespace fs = std::filesystem;

/// `action` is what failed, such as "cannot open"; the reason is that of `code`, an errno.
[[noreturn]] void throw_io_error(const fs::path& path, std::string_view action, int code) {
  throw IoError(concat(path.string(), ": ", action, ": ", std::generic_category().message(code)));
}

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }

  int get() const { return number_; }

 private:
  int number_ = -1;
};

Descriptor open_for_reading(const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw_io_error(path, "cannot open", errno);
  return file;
}

struct stat status_of(const Descriptor& file, const fs::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_io_error(path, "cannot read", errno);
  if (S_ISDIR(status.st_mode)) throw_io_error(path, "cannot read", EISDIR);
  return status;
}

/// The file beside `target` that takes the new content until it is complete. It has one fixed name, so that
/// what a killed process left is overwritten by the next one and does not pile up; a lock keeps two writers
/// apart.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target) : target_(target), path_(target) {
    path_ += ".tmp";
    for (int attempt = 1; !open_and_lock(); ++attempt) {
      if (attempt == kAttempts) throw_busy();
    }
    if (::ftruncate(file_.get(), 0) != 0) fail(errno);
  }

  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  ~TemporaryFile() {
    if (owned_) ::unlink(path_.c_str());
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(written));
      } else if (errno != EINTR) {
        fail(errno);
      }
    }
  }

  void rename_to_target() {
    if (::fsync(file_.get()) != 0) fail(errno);
    if (::rename(path_.c_str(), target_.c_str()) != 0) fail(errno);
    owned_ = false;
  }

 private:
  // Each failed attempt means that another writer has just finished.
  static constexpr int kAttempts = 100;

  [[noreturn]] void fail(int code) { throw_io_error(target_, "cannot write", code); }

  [[noreturn]] void throw_busy() {
    throw IoError(concat(target_.string(), ": another process is writing this file"));
  }

  /// False if another writer renamed or removed the file between our opening and our locking it.
  bool open_and_lock() {
    file_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (file_.get() < 0) fail(errno);
    // Any other failure is that of a file system without locks, where nothing keeps two writers apart.
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) throw_busy();
    struct stat opened {};
    struct stat named {};
    owned_ = ::fstat(file_.get(), &opened) == 0 && ::lstat(path_.c_str(), &named) == 0 &&
             opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
    return owned_;
  }

  fs::path target_;
  fs::path path_;
  Descriptor file_;
  bool owned_ = false;
};

void sync_folder_of(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const Descriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // EINVAL: a file system whose folders need no syncing.
  if (file.get() < 0 || (::fsync(file.get()) != 0 && errno != EINVAL)) {
    throw_io_error(folder, "cannot sync", errno);
  }
}

/// A rename would replace a device or pipe, such as /dev/null, by a file.
void check_replaceable(const fs::path& path) {
  std::error_code ignored;  // what is wrong with the path is reported when it is opened
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status)) throw_io_error(path, "cannot write", EISDIR);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw IoError(concat(path.string(), ": cannot write: expected a regular file, found a device or pipe"));
  }
}

}  // namespace

void create_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw_io_error(path, "cannot create the folder", error.value());
}

std::string read_file(const fs::path& path) {
  const Descriptor file = open_for_reading(path);
  const struct stat status = status_of(file, path);
  std::string content;
  // The size is a hint: a pipe has none, and a file may grow while it is read.
  constexpr std::size_t kPiece = std::size_t{1} << 16;
  std::size_t size = 0;
  content.resize(static_cast<std::size_t>(status.st_size) + 1);
  for (;;) {
    if (size == content.size()) content.resize(size + size / 2 + kPiece);
    const ssize_t count = ::read(file.get(), content.data() + size, content.size() - size);
    if (count == 0) break;
    if (count > 0) {
      size += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      throw_io_error(path, "cannot read", errno);
    }
  }
  content.resize(size);
  return content;
}

MappedFile::MappedFile(const fs::path& path) {
  const Descriptor file = open_for_reading(path);
  const struct stat status = status_of(file, path);
  if (!S_ISREG(status.st_mode)) {
    throw IoError(concat(path.string(), ": expected a regular file, found a device or pipe"));
  }
  if (status.st_size == 0) return;  // mmap takes no empty range
  const std::size_t size = static_cast<std::size_t>(status.st_size);
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) throw_io_error(path, "cannot map into memory", errno);
  bytes_ = {static_cast<const std::byte*>(address), size};
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void write_file_atomically(const fs::path& path, const std::function<void(const FileSink&)>& body) {
  check_replaceable(path);
  TemporaryFile temporary(path);
  body([&temporary](std::span<const std::byte> bytes) { temporary.write(bytes); });
  temporary.rename_to_target();
  sync_folder_of(path);
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  write_file_atomically(path, [content](const FileSink& sink) {
    sink(std::as_bytes(std::span<const char>(content.data(), content.size())));
  });
}

}  // namespace kdqat::base
