#pragma once

#include <filesystem>
#include <optional>

namespace kdqat::base {

/// The only hold on a file, among all processes of a machine, for as long as the object lives. It ends with
/// its process, however that ends (flock(2)).
class FileLock {
 public:
  /// The lock of the file at `path`, which is created empty where there is none and is left in place; nothing
  /// if somebody else holds it. Throws IoError that names the file and the system's reason.
  static std::optional<FileLock> try_acquire(const std::filesystem::path& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace kdqat::base
