#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

// Whole files: read, map, write.
//
//   const std::string text = base::read_file("train.tsv");
//   base::write_file_atomically("out/config.json", config.dump());  // the old content or all of the new

namespace kdqat::base {

/// Reads a whole file. Throws IoError that names the file and the system's reason.
std::string read_file(const std::filesystem::path& path);

/// Creates a folder and its missing parents. Throws IoError that names the folder and the system's reason.
void create_folder(const std::filesystem::path& path);

/// A file mapped into memory, read only, while the object lives.
class MappedFile {
 public:
  /// An empty file gives empty bytes. Throws IoError that names the file and the system's reason; also for
  /// anything but a regular file.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

/// Appends bytes to the file that `write_file_atomically` writes.
using FileSink = std::function<void(std::span<const std::byte>)>;

/// Writes `path` so that it holds either its old content or all of the new, even if the machine stops: writes
/// `path` + ".tmp" in the same folder, syncs it, renames it, and syncs the folder.
///
/// An exception of `body` passes through and leaves no file behind. The temporary file of a killed process is
/// overwritten by the next write. A symbolic link is replaced, not followed.
///
/// Throws IoError that names the file and the system's reason (a full disk, permission), if `path` is a
/// device or pipe, and if another writer is writing the same file.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(const FileSink&)>& body);
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace kdqat::base
