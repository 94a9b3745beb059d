#pragma once

#include <filesystem>
#include <optional>

// One process at a time:
//
//   std::optional<base::FileLock> lock = base::FileLock::try_acquire("runs/42.lock");
//   if (!lock) return;  // another process has it

namespace kdqat::base {

/// An exclusive lock on a file, among all processes of a machine, while the object lives (flock(2)). The
/// system releases it when the process ends, also when it is killed.
class FileLock {
 public:
  /// The lock of the file at `path`; nullopt if another holder has it. Creates an empty file if there is
  /// none, and never removes it. Throws IoError that names the file and the system's reason.
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
